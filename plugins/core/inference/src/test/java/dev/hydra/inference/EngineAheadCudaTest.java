package dev.hydra.inference;

import static org.junit.jupiter.api.Assertions.fail;

import dev.hydra.composer.model.BatchState;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.graphs.GraphMode;
import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;

/** On CUDA, where graphs are launched ahead, against steps that the host issues one by one. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class EngineAheadCudaTest extends AheadContract {
  private static Model model;

  @BeforeAll
  static void build() {
    model =
        Trial.model(new Placement(new Device("cuda:0"), ScalarType.Float), EngineCudaTest.DENSE);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Override
  Model model() {
    return model;
  }

  /** Two steps are issued, the third is captured and replayed. */
  @Override
  int warmUp() {
    return 2;
  }

  @Override
  DecodingStep steps(BatchState batch) {
    return new DecodingStep(
        model,
        Trial.VOCABULARY,
        batch,
        GraphMode.AUTO,
        Quantization.NONE,
        warning -> fail(warning)) {
      @Override
      Optional<LaunchedStep> follow(LaunchedStep before) {
        Optional<LaunchedStep> made = super.follow(before);
        made.ifPresent(step -> madeAhead());
        return made;
      }
    };
  }
}
