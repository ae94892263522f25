package dev.hydra.trainer.run;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelFiles;
import dev.hydra.composer.swap.CheckpointMigration;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import dev.hydra.libtorch.safetensors.TensorInfo;
import dev.hydra.optim.Optimizer;
import dev.hydra.optim.ParameterState;
import dev.hydra.trainer.step.StateTransfer;
import dev.hydra.trainer.step.TrainingStep;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Writes the checkpoints of a run and restores them. */
final class Checkpoints {
  private static final String CPU = "cpu";
  private static final String CUDA = "cuda";

  private final RunFolder folder;
  private final Supplier<String> config;
  private final Model model;
  private final TrainingStep training;

  /** Creates the checkpoints of a run, in its folder. */
  Checkpoints(RunFolder folder, Supplier<String> config, Model model, TrainingStep training) {
    this.folder = folder;
    this.config = config;
    this.model = model;
    this.training = training;
  }

  /** Writes a checkpoint and drops those beyond the newest {@code keep}. */
  Checkpoint save(TrainerState state, int keep) throws IOException {
    Checkpoint checkpoint =
        Checkpoint.write(
            folder.checkpoint(state.step()),
            side -> {
              ModelFiles.save(model, side.resolve(Checkpoint.MODEL));
              try (PointerScope scope = new PointerScope()) {
                SafetensorsWriter.write(
                    side.resolve(Checkpoint.OPTIMIZER),
                    training.optimizer().exportState(),
                    Map.of());
                Map<String, Tensor> random = new LinkedHashMap<>();
                RandomState now = RandomState.save();
                random.put(CPU, now.cpu());
                now.cuda().ifPresent(cuda -> random.put(CUDA, cuda));
                SafetensorsWriter.write(side.resolve(Checkpoint.RANDOM), random, Map.of());
              }
              DurableFiles.write(
                  side.resolve(Checkpoint.STATE), JSON.std.asString(state.toMap()) + "\n");
              DurableFiles.write(side.resolve(Checkpoint.CONFIG), config.get());
            });
    folder.prune(keep);
    return checkpoint;
  }

  /**
   * Restores model, optimizer and random generators from a checkpoint.
   *
   * @param state what it says of the run
   * @param policy what becomes of parameters that another version of a plugin does not ask for
   * @return what became of the parameters
   * @throws IOException if it does not fit the model
   */
  SwapReport.Parameters restore(Checkpoint checkpoint, TrainerState state, UnexpectedKeys policy)
      throws IOException {
    keepUnused(checkpoint, state);
    try (PointerScope scope = new PointerScope()) {
      CheckpointMigration restoration =
          CheckpointMigration.of(model, checkpoint.file(Checkpoint.MODEL), state.sites(), policy);
      restoreOptimizer(checkpoint, restoration);
      Map<String, Tensor> random = readAll(checkpoint, Checkpoint.RANDOM);
      Tensor cpu = random.get(CPU);
      if (cpu == null) {
        throw new IOException(checkpoint.file(Checkpoint.RANDOM) + " lacks " + CPU);
      }
      new RandomState(cpu, Optional.ofNullable(random.get(CUDA))).restore();
      return restoration.parameters();
    }
  }

  private void restoreOptimizer(Checkpoint checkpoint, CheckpointMigration restoration)
      throws IOException {
    Optimizer optimizer = training.optimizer();
    Map<String, Tensor> saved = readAll(checkpoint, Checkpoint.OPTIMIZER);
    if (!restoration.same()) {
      new StateTransfer(restoration, ParameterState.of(saved)).into(optimizer.states());
      return;
    }
    try {
      optimizer.importState(saved);
    } catch (IllegalArgumentException e) {
      throw new IOException(
          checkpoint.file(Checkpoint.OPTIMIZER)
              + " does not fit the optimizer: "
              + e.getMessage()
              + "; resume with the optimizer.type that the checkpoint was made with, and with or"
              + " without trainer.ema as then",
          e);
    }
  }

  /** Keeps parameters that components have left behind, unless one asks for them again. */
  private void keepUnused(Checkpoint checkpoint, TrainerState state) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(checkpoint.file(Checkpoint.MODEL))) {
      for (String name : state.unused()) {
        if (model.parameters().has(name)) {
          continue;
        }
        try (PointerScope scope = new PointerScope()) {
          model.parameters().keep(name, file.read(name));
        }
      }
    }
  }

  private static Map<String, Tensor> readAll(Checkpoint checkpoint, String name)
      throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    try (SafetensorsFile file = SafetensorsFile.open(checkpoint.file(name))) {
      for (TensorInfo info : file.tensors()) {
        tensors.put(info.name(), file.read(info.name()));
      }
    }
    return tensors;
  }
}
