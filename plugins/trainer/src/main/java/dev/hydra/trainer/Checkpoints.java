package dev.hydra.trainer;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.composer.Model;
import dev.hydra.composer.ModelFiles;
import dev.hydra.composer.SwapRequest.Vanished;
import dev.hydra.libtorch.RandomState;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.IOException;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** What goes into the checkpoints of a run, and comes back out of them. */
final class Checkpoints {
  private static final String CPU = "cpu";
  private static final String CUDA = "cuda";

  private final RunFolder folder;
  private final Supplier<String> config;
  private final Model model;
  private final TrainingStep training;

  /** What a checkpoint was, and where it and the model differed. */
  record Restored(TrainerState state, ModelFiles.Differences differences) {}

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
   * Brings model, optimizer and random generators to where a checkpoint was.
   *
   * @param policy what becomes of parameters that no component asks for now, see {@link
   *     ModelFiles#load(Model, java.nio.file.Path, Vanished)}
   * @throws IOException if it does not fit the model
   */
  Restored restore(Checkpoint checkpoint, Vanished policy) throws IOException {
    TrainerState state = checkpoint.state();
    if (policy != Vanished.DROP) {
      keepUnused(checkpoint, state);
    }
    ModelFiles.Differences differences =
        ModelFiles.load(model, checkpoint.file(Checkpoint.MODEL), policy);
    try (PointerScope scope = new PointerScope()) {
      Map<String, Tensor> saved = readAll(checkpoint, Checkpoint.OPTIMIZER);
      Set<String> begin = new HashSet<>(state.unused());
      begin.addAll(differences.initialised());
      training.optimizer().importState(moments(saved, begin, policy));
      Map<String, Tensor> random = readAll(checkpoint, Checkpoint.RANDOM);
      Tensor cpu = random.get(CPU);
      if (cpu == null) {
        throw new IOException(checkpoint.file(Checkpoint.RANDOM) + " lacks " + CPU);
      }
      new RandomState(cpu, Optional.ofNullable(random.get(CUDA))).restore();
    }
    return new Restored(state, differences);
  }

  /** Parameters that components have left behind are not asked for, but go on. */
  private void keepUnused(Checkpoint checkpoint, TrainerState state) throws IOException {
    Set<String> asked = new HashSet<>();
    model.parameters().all().forEach(each -> asked.add(each.name()));
    try (SafetensorsFile file = SafetensorsFile.open(checkpoint.file(Checkpoint.MODEL))) {
      for (String name : state.unused()) {
        if (!asked.contains(name)) {
          try (PointerScope scope = new PointerScope()) {
            model.parameters().keep(name, file.read(name));
          }
        }
      }
    }
  }

  /** What was saved, without what is gone and with what begins anew. */
  private Map<String, Tensor> moments(
      Map<String, Tensor> saved, Set<String> begin, Vanished policy) {
    Map<String, Tensor> now = training.optimizer().exportState();
    Map<String, Tensor> all = new LinkedHashMap<>(saved);
    if (policy != Vanished.ERROR) {
      all.keySet().retainAll(now.keySet());
    }
    now.forEach(
        (name, tensor) -> {
          boolean lacking = policy != Vanished.ERROR && !saved.containsKey(name);
          if (lacking || begin.contains(name.substring(0, name.lastIndexOf('.')))) {
            all.put(name, tensor);
          }
        });
    return all;
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
