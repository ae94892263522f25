package dev.hydra.composer.model;

import dev.hydra.composer.spec.BlockSpec;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.PathSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.spec.Topology;
import dev.hydra.libtorch.graphs.Branches;
import dev.hydra.libtorch.nn.GatedAddend;
import dev.hydra.libtorch.nn.Norms;
import dev.hydra.libtorch.nn.TokenGatedAddend;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
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
      boolean recompute,
      PathGrowth growth) {
    /** Whether what its component computes is added as it is. */
    boolean plain() {
      return gate == Gate.NONE && scale == 1 && !growth.growing();
    }
  }

  private final Topology topology;
  private final ScalarType compute;
  private final List<Path> paths = new ArrayList<>();

  /** Builds the paths of a block. */
  ResidualBlock(
      ModelSpec model,
      BlockSpec spec,
      SiteContext context,
      PartParameters own,
      Placement precision,
      SitePath block) {
    this.topology = spec.topology();
    compute = precision.compute();
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
              path.recompute(),
              new PathGrowth()));
    }
  }

  /** Maps the residual stream. */
  ResidualStream forward(ResidualStream stream, ForwardContext forward) {
    if (paths.isEmpty()) {
      return ResidualStream.keep(() -> stream.summed(stream.total()));
    }
    return ResidualStream.keep(
        () ->
            topology == Topology.PARALLEL
                ? parallel(stream, forward)
                : sequential(stream, forward));
  }

  private ResidualStream parallel(ResidualStream before, ForwardContext forward) {
    Norms.Summed summed = paths.get(0).norm().apply(before, compute).shared();
    ResidualStream stream = before.summed(summed.sum());
    List<Supplier<Tensor>> outputs = new ArrayList<>();
    for (Path path : paths) {
      outputs.add(() -> output(path, summed.normed(), forward));
    }
    outputs = Branches.beside(outputs);
    for (int i = 0; i < paths.size(); i++) {
      stream = added(paths.get(i), stream, summed.normed(), outputs.get(i).get(), forward);
    }
    return stream;
  }

  private ResidualStream sequential(ResidualStream before, ForwardContext forward) {
    ResidualStream stream = before;
    for (Path path : paths) {
      Norms.Summed summed = path.norm().apply(stream, compute).shared();
      ResidualStream sum = stream.summed(summed.sum());
      Tensor out = output(path, summed.normed(), forward);
      stream = added(path, sum, summed.normed(), out, forward);
    }
    return stream;
  }

  /** What the component of a path computes. */
  private static Tensor output(Path path, Tensor input, ForwardContext forward) {
    Tensor scaled = Tensors.scaled(input, path.inputScale());
    return path.recompute() && forward.isTraining()
        ? Recomputation.run(forward, again -> path.slot().forward(again, forward), scaled)
        : path.slot().forward(scaled, forward);
  }

  /** The stream with what a path adds to it. */
  private static ResidualStream added(
      Path path, ResidualStream before, Tensor normed, Tensor out, ForwardContext forward) {
    if (path.plain()) {
      return ResidualStream.of(before.total(), out);
    }
    SitePass pass = new SitePass(forward, path.slot().path());
    if (path.gate() instanceof Gate.Scalar gate) {
      Tensor factor = path.growth().scaled(gate.factor()).alias(); // of the stream's scope
      Gate.observe(factor, pass);
      Optional<GatedAddend> gated = GatedAddend.of(before.sum(), out, factor, path.scale());
      if (gated.isPresent()) {
        return before.with(gated.get());
      }
    }
    if (path.gate() instanceof Gate.Learned gate) {
      gate.charge(normed, pass);
      TokenGatedAddend gated =
          new TokenGatedAddend(
              normed,
              gate.weight(),
              gate.bias(),
              out,
              path.scale(),
              gates -> Gate.observe(gates, pass));
      if (!path.growth().growing() && gated.canWait(before.sum())) {
        return before.with(gated);
      }
    }
    Tensor sum = before.total();
    Tensor y = Tensors.scaled(Tensors.upcast(out), path.scale());
    Tensor gated = path.gate().apply(y, normed, pass);
    return ResidualStream.of(sum, path.growth().scaled(gated));
  }

  /** Lets some of its paths count for a share, see {@link Model#grow}. */
  void grow(Set<SitePath> sites, double share, Tensor like) {
    for (Path path : paths) {
      if (sites.contains(path.slot().path())) {
        path.growth().set(share, like);
      }
    }
  }

  /** Lets all of its paths count in full. */
  void grown() {
    paths.forEach(path -> path.growth().close());
  }

  /** Returns the slots of its paths, in order. */
  List<ComponentSlot> slots() {
    return paths.stream().map(Path::slot).toList();
  }
}
