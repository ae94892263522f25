package dev.hydra.composer.model;

import dev.hydra.api.Init;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.io.WorkerThreads;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The value that a parameter begins with. It is drawn on the CPU in float32 whatever the model
 * computes in, so that every device starts the same, and from a generator of its own, so that it
 * does not matter what is drawn before it or beside it.
 *
 * @param parameter still without a value
 * @param init draws the value
 * @param seed what it is drawn from
 */
record FirstValue(Parameter parameter, Init init, long seed) {
  /** Draws several, on all cores: LibTorch draws each on one. */
  static void draw(List<FirstValue> all) {
    if (all.isEmpty()) {
      return;
    }
    int cores = Math.min(Runtime.getRuntime().availableProcessors(), all.size());
    List<FirstValue> largestFirst = new ArrayList<>(all);
    largestFirst.sort(
        Comparator.comparingLong((FirstValue each) -> each.parameter.master().numel()).reversed());
    try (WorkerThreads threads = new WorkerThreads("hydra-init", cores)) {
      List<Future<Void>> drawings = new ArrayList<>();
      for (FirstValue each : largestFirst) {
        drawings.add(
            threads.submit(
                () -> {
                  each.draw();
                  return null;
                }));
      }
      for (Future<Void> drawing : drawings) {
        drawing.get();
      }
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw new IllegalStateException(cause.getMessage(), cause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while parameters were initialised", e);
    }
  }

  /** Draws it, into the master and the working copy. */
  void draw() {
    try (PointerScope scope = new PointerScope();
        Grad off = Grad.off();
        TensorOptions options = new TensorOptions(ScalarType.Float)) {
      Tensor master = parameter.master();
      boolean asDrawn = master.is_cpu() && Tensors.type(master) == ScalarType.Float;
      Tensor value = asDrawn ? master : torch.empty(Tensors.sizes(master), options, null);
      init.fill(value, torch.make_generator_cpu(seed));
      if (!asDrawn) {
        master.copy_(value);
      }
      parameter.loaded();
    } catch (RuntimeException e) {
      throw new IllegalStateException(
          "parameter " + parameter.name() + " cannot be initialised: " + e.getMessage(), e);
    }
  }
}
