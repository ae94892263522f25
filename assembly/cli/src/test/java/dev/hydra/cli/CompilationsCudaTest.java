package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.Recompute;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.graphs.GraphMode;
import dev.hydra.libtorch.kernels.CompiledKernel;
import dev.hydra.libtorch.kernels.KernelMode;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.optim.OptimizerSettings;
import dev.hydra.testing.InScope;
import dev.hydra.trainer.step.TrainingStep;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Programs are compiled for a model, not for what it is given: other documents in a step, and steps
 * of other lengths, neither compile one nor load one from the cache.
 */
@ExtendWith(InScope.class)
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class CompilationsCudaTest {
  /** Every component with kernels, at sizes that these take; a width that vectors do not divide. */
  private static final String MODEL =
      """
      model {
        vocab-size = 128, width = 68, depth = 1
        block.paths = [
          { mixer { type = mamba2, inner = 128 }, gate = 0.5 }
          { mixer { type = mamba } }
          { mixer { type = gated-deltanet } }
          { mixer { type = full, heads = 2, head-dim = 32, qk-norm = true } }
          { mixer { type = sparse-global, heads = 2, head-dim = 32, window = 64, global-every = 8 } }
          { ffn { type = moe, hidden = 64, router { type = chunk-topk, chunk = 16 } } }
          { ffn { type = moe, hidden = 64, router { type = topk } } }
          { ffn { type = swiglu, hidden = 64 }, gate = learned }
          { memory { type = workspace, chunk = 32 }, gate = learned }
          { memory { type = pkm, keys = 32 }, gate = learned }
        ]
      }
      """;

  private static final int VOCABULARY = 128;
  private static final int ROWS = 3;
  private static final int TIME = 256;

  /** Steps after which one is captured. */
  private static final int ENOUGH = 6;

  /** Shorter than windows and chunks, multiples of these or not, and longer. */
  private static final int[] LENGTHS = {12, 16, 33, 100, 255, 257, 320, 512};

  private static final Device CUDA = new Device("cuda:0");

  /** Takes steps over windows; what each meets for the first time is listed. */
  private static final class Run implements AutoCloseable {
    final List<String> warnings = new ArrayList<>();
    final KernelMode.Setting kernels = KernelMode.FUSED.set();
    final Model model;
    final TrainingStep step;

    Run(GraphMode graph) {
      model =
          Model.build(
              ModelSpec.read(ConfigFactory.parseString(MODEL)),
              KernelDoctorTest.COMPONENTS,
              new Placement(CUDA, ScalarType.BFloat16),
              1);
      OptimizerSettings optimizer =
          OptimizerSettings.read(
              ConfigFactory.parseString("learning-rate = 1e-3"), KernelDoctorTest.PLUGINS);
      step = new TrainingStep(model, optimizer, Recompute.NONE, graph, warnings::add);
    }

    List<CompiledKernel> met(Tensor windows) {
      int before = CompiledKernel.all().size();
      assertThat(step.run(forward -> windows, 1, 1e-3).finite()).isTrue();
      List<CompiledKernel> now = CompiledKernel.all();
      return now.subList(before, now.size());
    }

    @Override
    public void close() {
      step.close();
      model.close();
      kernels.close();
    }
  }

  @Test
  void otherDocumentsCompileNothing() {
    for (GraphMode graph : GraphMode.values()) {
      try (Run run = new Run(graph)) {
        for (int seed = 0; seed < ENOUGH; seed++) {
          run.met(packed(seed, TIME, 1 + seed * 10));
        }
        assertThat(run.warnings).isEmpty();
        for (int longest : new int[] {1, 2, 7, 30, 64, 200, TIME}) {
          assertThat(run.met(packed(longest, TIME, longest))).as("up to %d", longest).isEmpty();
        }
        assertThat(run.step.captured()).isEqualTo(graph == GraphMode.AUTO);
      }
    }
  }

  @Test
  void otherLengthsCompileNothing() {
    try (Run run = new Run(GraphMode.OFF)) {
      run.met(whole(0, TIME));
      run.met(packed(0, TIME, 50));
      assertThat(CompiledKernel.all().stream().map(CompiledKernel::program))
          .as("what could be compiled again")
          .contains(
              "ssd_forward.cu", "delta_states.cu", "strided_attention.cu", "slot_writes_tiles.cu");
      for (int length : LENGTHS) {
        assertThat(run.met(whole(length, length))).as("%d tokens", length).isEmpty();
        assertThat(run.met(packed(length, length, 50))).as("%d packed ones", length).isEmpty();
      }
    }
  }

  private static Tensor whole(long seed, int time) {
    long[] tokens = new Random(seed).longs((long) ROWS * (time + 1), 0, VOCABULARY).toArray();
    return Tensor.create(tokens).view(ROWS, -1);
  }

  /** Tokens, labels and documents of random lengths: [3, rows, time + 1]. */
  private static Tensor packed(long seed, int time, int longest) {
    Random random = new Random(seed);
    long[] documents = new long[ROWS * (time + 1)];
    int left = 0;
    for (int i = 0; i < documents.length; i++) {
      boolean begins = i % (time + 1) == 0 || left == 0;
      left = begins ? random.nextInt(longest) : left - 1;
      documents[i] = i == 0 ? 0 : documents[i - 1] + (begins ? 1 : 0);
    }
    Tensor tokens = whole(seed, time);
    return Tensors.stack(0, tokens, tokens, Tensor.create(documents).view(ROWS, -1));
  }
}
