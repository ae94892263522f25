package dev.hydra.inference;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.graphs.GraphMode;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Scores of forwards that are captured, with the paths of a block beside each other. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class SequenceScorerCudaTest {
  /** Every kind of path in every block, and two that share their angles. */
  private static final String PATHS =
      """
      model { width = 64, depth = 4 }
      model.block.paths = [
        { mixer { type = mamba2, state = 16, head-dim = 16 }, gate = 1.0 }
        { mixer { type = sparse-global, heads = 4, window = 64, global-every = 16 }, gate = 0.5 }
        { mixer { type = full, heads = 4 }, name = attention, gate = 0.5, input-scale = 0.5 }
        { ffn { type = moe, experts = 4, hidden = 32
                router { type = chunk-topk, chunk = 16, top-k = 2 } }, gate = 0.5 }
        { ffn { type = swiglu, hidden = 64 }, name = dense }
        { memory { type = workspace, slots = 16, dim = 32, heads = 2, chunk = 32 }, gate = learned }
        { memory { type = pkm, keys = 16, key-dim = 16, value-dim = 32, heads = 2, top-k = 2 }
          name = table, gate = learned }
      ]
      """;

  @ParameterizedTest
  @CsvSource({"BFloat16, 40", "BFloat16, 3000", "Float, 700"})
  void areThoseOfForwardsThatAreIssuedBitForBit(ScalarType type, int length) {
    SplittableRandom random = new SplittableRandom(length);
    List<String> warnings = new ArrayList<>();
    Placement placement = new Placement(new Device("cuda:0"), type);
    try (Model model = Trial.model(placement, PATHS);
        SequenceScorer issued = new SequenceScorer(model);
        SequenceScorer captured = new SequenceScorer(model, GraphMode.AUTO, warnings::add)) {
      for (int i = 0; i < 12; i++) {
        int[] tokens = random.ints(length, 0, Trial.VOCABULARY).toArray();
        assertArrayEquals(
            issued.logProbabilities(tokens), captured.logProbabilities(tokens), "text " + i);
      }
    }
    assertEquals(List.of(), warnings);
  }
}
