package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.composer.model.Model;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Steps that are replayed multiply by int4; prompts by the bfloat16 that was rounded to it. */
@Tag("cuda")
@EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
class QuantizationCudaTest {
  private static final Device CUDA = new Device("cuda:0");

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aTextIsOfTheSameWeightsWhateverIsBesideIt(boolean tied) {
    List<int[]> prompts = QuantizationTest.prompts();
    try (Model rounded = QuantizationTest.model(CUDA, tied);
        Model whole = QuantizationTest.model(CUDA, tied)) {
      for (int together : new int[] {1, 3, 9}) {
        try (Engine engine = QuantizationTest.engine(rounded, together, null, Quantization.INT4)) {
          List<Trial.Heard> heard = QuantizationTest.heard(engine, prompts);
          double fromRounded = QuantizationTest.off(rounded, prompts, heard);
          double fromWhole = QuantizationTest.off(whole, prompts, heard);
          assertThat(fromRounded).as("%d at a time", together).isLessThan(fromWhole / 2);
          assertThat(engine.replayed()).as("%d at a time", together).isPositive();
        }
      }
    }
  }

  @Test
  void int8IsForTheCpu() {
    try (Model model = QuantizationTest.model(CUDA, false)) {
      assertThatThrownBy(() -> QuantizationTest.engine(model, 1, null, Quantization.INT8))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("for the CPU");
    }
  }
}
