package dev.hydra.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.hydra.composer.model.DecodingMemory;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MemoryForTextTest {
  private static Model model;

  @BeforeAll
  static void build() {
    model = Trial.model();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static double state(long tokens) {
    return DecodingMemory.state(model, ScalarType.Float, tokens);
  }

  /** Of 300 tokens buffers have room for 512. */
  @Test
  void aTextIsRefusedIfItsBuffersDoNotFit() {
    long exactly = (long) state(512);
    new MemoryForText(model, () -> exactly).check(100, 200);
    new MemoryForText(model, () -> exactly).check(1, 511);
    assertThatThrownBy(() -> new MemoryForText(model, () -> exactly - 1).check(100, 200))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a text of 300 tokens, 100 of the prompt and 200 to be drawn, takes ")
        .hasMessageContaining("one of 256 tokens would fit");
    assertThatThrownBy(() -> new MemoryForText(model, () -> exactly).check(1, Integer.MAX_VALUE))
        .hasMessageContaining("a text of 2,147,483,648 tokens")
        .hasMessageContaining("one of 512 tokens would fit");
    assertThatThrownBy(() -> new MemoryForText(model, () -> 10).check(1, 1))
        .hasMessageEndingWith(" of memory are free; not even a short one would fit");
  }

  /** In bfloat16, too, where much of it is float32 or float64 all the same. */
  @ParameterizedTest
  @CsvSource({
    "Float, Float",
    "BFloat16, Float",
    "Double, Double",
    "Float, Half",
    "BFloat16, BFloat16"
  })
  void whatIsPredictedIsKept(ScalarType compute, ScalarType recurrent) {
    int[] text = new int[400];
    try (Model other = Trial.model(new Placement(Devices.cpu(), compute, recurrent), "");
        PointerScope scope = new PointerScope();
        Grad off = Grad.off();
        ModelState state = new ModelState();
        ForwardContext forward = ForwardContext.evaluation().with(state)) {
      other.hidden(SequenceScorer.ids(other, text), forward);
      assertThat((double) state.bytes()).isEqualTo(DecodingMemory.state(other, compute, 400));
    }
  }
}
