package dev.hydra.bench;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.AdamWFactory;
import dev.hydra.optim.CosineScheduleFactory;
import dev.hydra.optim.FusedUpdate;
import dev.hydra.optim.OptimizedParameter;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.OptimizerSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** Times an update by AdamW of float32 parameters, on CUDA with the norm of all gradients. */
final class UpdateTrial implements Trial {
  private static final double RATE = 1e-4;

  private final int times;
  private final List<Tensor> tensors = new ArrayList<>();
  private final Optimizer optimizer;
  private final Optional<FusedUpdate> fused;
  private final Tensor never;

  UpdateTrial(Inputs in, int times, long count, long... sizes) {
    this.times = times;
    List<OptimizedParameter> parameters = new ArrayList<>();
    for (long i = 0; i < count; i++) {
      Tensor master = in.fp32(sizes);
      Tensor gradient = in.fp32(sizes);
      tensors.add(master);
      tensors.add(gradient);
      parameters.add(new OptimizedParameter("matrix." + i, master, gradient, true));
    }
    OptimizerSettings settings =
        OptimizerSettings.read(
            ConfigFactory.empty(),
            PluginRegistry.of(new AdamWFactory(), new CosineScheduleFactory()));
    optimizer = settings.optimizer(parameters, Map.of());
    optimizer.learningRate(RATE);
    Tensor first = tensors.get(0);
    fused = first.is_cuda() ? optimizer.fused(settings.maxNorm()) : Optional.empty();
    never = in.zero();
  }

  @Override
  public int times() {
    return times;
  }

  @Override
  public void run() {
    for (int i = 0; i < times; i++) {
      Scopes.run(this::update);
    }
    Scopes.run(() -> Tensors.number(tensors.get(0).view(-1).narrow(0, 0, 1).sum()));
  }

  private void update() {
    if (fused.isPresent()) {
      fused.get().norm(Map.of());
      fused.get().step(never);
    } else {
      optimizer.step(RATE);
    }
  }

  @Override
  public void close() {
    fused.ifPresent(FusedUpdate::close);
    optimizer.close();
    tensors.forEach(Tensor::close);
    never.close();
  }
}
