package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.composer.model.ModelSummary.ComponentCount;
import dev.hydra.composer.model.ModelSummary.Count;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The account of {@link Models#HYBRID}: vocabulary 11, width 4, 2 blocks, 3 experts in one. */
@ExtendWith(InScope.class)
class ModelSummaryTest {
  private static final int EMBEDDING = 11 * 4;
  private static final int MIXER = 4 * 4;
  private static final int ROUTER = 3 * 4;
  private static final int EXPERTS = 3 * 4;
  private static final int IDLE = 2 * 4;
  private static final int NORMS = 3 * 4;
  private static final int GATES = 2 + 4 + 1;
  private static final double KEPT = 1000;
  private static final int ALL = EMBEDDING + 2 * MIXER + ROUTER + EXPERTS + NORMS + GATES;

  private static ModelSummary account(String hocon, ScalarType compute, long... lengths) {
    try (Device meta = Devices.meta();
        Model model = Models.build(hocon, meta, compute, 1)) {
      return ModelSummary.of(model, compute, LongStream.of(lengths).boxed().toList());
    }
  }

  @Test
  void countsParametersByPartAndRole() {
    ModelSummary account = account(Models.HYBRID, ScalarType.Float);
    Count mixer = new Count(MIXER, MIXER);
    Count ffn = new Count(ROUTER + EXPERTS, ROUTER + EXPERTS - IDLE);
    assertEquals(
        List.of(
            new ComponentCount(new SitePath("blocks.0.mixer"), "mixer", "running-sum", mixer),
            new ComponentCount(new SitePath("blocks.1.mixer"), "mixer", "running-sum", mixer),
            new ComponentCount(new SitePath("blocks.1.ffn"), "ffn", "scales(best)", ffn)),
        account.parts());
    assertEquals(
        Map.of(
            "mixer", new Count(2 * MIXER, 2 * MIXER),
            "ffn", ffn,
            "embedding", new Count(EMBEDDING, EMBEDDING),
            "norms", new Count(NORMS, NORMS),
            "gates", new Count(GATES, GATES)),
        account.roles());
    assertEquals(ALL, account.parameters());
    assertEquals(ALL - IDLE, account.activeParameters());
  }

  @Test
  void countsAnUntiedHead() {
    ModelSummary account =
        account(
            "model { vocab-size = 11, width = 4, depth = 1, tie-embeddings = false,"
                + " block.paths = [ { ffn = scales } ] }",
            ScalarType.Float);
    assertEquals(new Count(EMBEDDING, EMBEDDING), account.roles().get("head"));
    assertEquals(new Count(2 * 4, 2 * 4), account.roles().get("norms"));
  }

  @Test
  void knowsNormsAndGatesWhateverThePathsAreNamed() {
    ModelSummary account =
        account(
            "model { vocab-size = 11, width = 4, depth = 1, block { topology = sequential, paths ="
                + " [ { name = my-gated, ffn = scales }, { name = norms, ffn = scales, gate ="
                + " learned } ] } }",
            ScalarType.Float);
    assertEquals(new Count(3 * 4, 3 * 4), account.roles().get("norms"));
    assertEquals(new Count(4 + 1, 4 + 1), account.roles().get("gates"));
  }

  @Test
  void addsUpWhatComponentsCost() {
    ModelSummary.AtLength cost = account(Models.HYBRID, ScalarType.Float, 10).lengths().get(0);
    double perToken = 2 * EMBEDDING + 2 * 2 * MIXER + 2 * ROUTER + 2 * 4;
    assertEquals(10, cost.tokens());
    assertEquals(perToken, cost.forwardFlopsPerToken());
    assertEquals(perToken, cost.decodeFlopsPerToken());
    double state = 2 * 4;
    assertEquals(4 * (ALL + state), cost.decodingBytes());
    TrainingMemory memory = memory(ScalarType.Float, false);
    assertEquals(4 * ALL + KEPT, memory.state(), "masters and what the optimizer keeps");
    assertEquals(memory.peak() - KEPT, cost.trainingBytes(), "with one that keeps nothing");
    assertEquals(
        4 * 2 * ALL + KEPT, memory(ScalarType.Float, true).state(), "a buffer for gradients, too");
  }

  private static TrainingMemory memory(ScalarType compute, boolean accumulated) {
    try (Device meta = Devices.meta();
        Model model = Models.build(Models.HYBRID, meta, compute, 1)) {
      return TrainingMemory.of(
          model, compute, new TrainingMemory.Step(1, 10, Recompute.NONE, accumulated, KEPT));
    }
  }

  @Test
  void atLeastWhatIsKeptIsThereAtTheFullestMoment() {
    // Inputs of head, mixers and experts, two streams and the last one, logits.
    double kept = 10 * 4 * (4 + 2 * 4 + 4 + 3 * 4 + 11);
    TrainingMemory memory = memory(ScalarType.Float, false);
    assertTrue(memory.peak() >= memory.state() + kept, memory.toString());
    assertTrue(memory.peak() <= memory.state() + 3 * kept + 4 * ALL, memory.toString());
  }

  @Test
  void countsWorkingCopiesInBfloat16() {
    ModelSummary.AtLength cost = account(Models.HYBRID, ScalarType.BFloat16, 10).lengths().get(0);
    int copied = EMBEDDING + 2 * MIXER + EXPERTS;
    double state = 2 * 4;
    assertEquals(4 * (ALL - copied) + 2 * (copied + state), cost.decodingBytes());
    assertEquals(4 * ALL + KEPT + 2 * copied, memory(ScalarType.BFloat16, false).state());
    assertEquals(
        4 * 2 * ALL + KEPT + 2 * 2 * copied,
        memory(ScalarType.BFloat16, true).state(),
        "buffers in both types");
  }
}
