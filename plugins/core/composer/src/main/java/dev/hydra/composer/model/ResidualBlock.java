package dev.hydra.composer.model;

import dev.hydra.composer.spec.BlockSpec;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.PathSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.spec.Topology;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** One block of a model: its paths round the residual stream. */
final class ResidualBlock {
  /** A path as built; in a parallel block all share one norm. */
  private record Path(
      ComponentSlot slot,
      Norm norm,
      Gate gate,
      double inputScale,
      double scale,
      boolean recompute) {}

  private final Topology topology;
  private final ScalarType compute;
  private final List<Path> paths = new ArrayList<>();

  /** Builds the paths of a block. */
  ResidualBlock(
      ModelSpec model,
      BlockSpec spec,
      SiteContext context,
      PartParameters own,
      ScalarType compute,
      SitePath block) {
    this.topology = spec.topology();
    this.compute = compute;
    ParameterSource norms = own.of(ModelPart.NORM);
    ParameterSource gates = own.of(ModelPart.GATE);
    Optional<Norm> shared =
        topology == Topology.PARALLEL && !spec.paths().isEmpty()
            ? Optional.of(new Norm(model, norms, block.child("norm").text()))
            : Optional.empty();
    for (PathSpec path : spec.paths()) {
      SitePath place = block.child(path.name());
      Norm norm = shared.orElseGet(() -> new Norm(model, norms, place + "-norm"));
      Gate gate = Gate.of(path.gate(), gates, place + "-gate", model.width());
      paths.add(
          new Path(
              new ComponentSlot(
                  context,
                  place,
                  path.configPath(),
                  path.role(),
                  path.config(),
                  model.width(),
                  model.width()),
              norm,
              gate,
              path.inputScale(),
              path.scale(),
              path.recompute()));
    }
  }

  /** Maps the residual stream [batch, time, width], in the master type. */
  Tensor forward(Tensor x, ForwardContext forward) {
    return Scopes.keep(
        () -> topology == Topology.PARALLEL ? parallel(x, forward) : sequential(x, forward));
  }

  private Tensor parallel(Tensor x, ForwardContext forward) {
    if (paths.isEmpty()) {
      return x.alias();
    }
    Tensor normed = paths.get(0).norm().apply(x);
    Tensor input = Tensors.cast(normed, compute);
    Tensor sum = x;
    for (Path path : paths) {
      sum = sum.add(run(path, normed, input, forward));
    }
    return sum;
  }

  private Tensor sequential(Tensor x, ForwardContext forward) {
    Tensor stream = x.alias();
    for (Path path : paths) {
      Tensor normed = path.norm().apply(stream);
      stream = stream.add(run(path, normed, Tensors.cast(normed, compute), forward));
    }
    return stream;
  }

  private static Tensor run(Path path, Tensor normed, Tensor input, ForwardContext forward) {
    Tensor scaled = Tensors.scaled(input, path.inputScale());
    Tensor output =
        path.recompute() && forward.isTraining()
            ? Recomputation.run(forward, again -> path.slot().forward(again, forward), scaled)
            : path.slot().forward(scaled, forward);
    Tensor y = Tensors.scaled(Tensors.upcast(output), path.scale());
    return path.gate().apply(y, normed, new SitePass(forward, path.slot().path()));
  }

  /** Returns the slots of its paths, in order. */
  List<ComponentSlot> slots() {
    return paths.stream().map(Path::slot).toList();
  }
}
