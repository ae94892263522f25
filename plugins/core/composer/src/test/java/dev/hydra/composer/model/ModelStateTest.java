package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class ModelStateTest {
  private static final long[] TOKENS = {3, 0, 10, 3, 7, 1, 9};

  @Test
  void chunksEqualTheWhole() {
    try (Model model = Models.random(Models.HYBRID)) {
      Tensor tokens = Models.tokens(TOKENS);
      double[] whole = Tensors.numbers(Models.hidden(model, tokens));
      for (int[] split : new int[][] {{7}, {3, 4}, {1, 5, 1}, {1, 1, 1, 1, 1, 1, 1}}) {
        try (ModelState state = new ModelState()) {
          List<Tensor> parts = new ArrayList<>();
          for (int length : split) {
            long from = state.position();
            parts.add(step(model, Tensors.slice(tokens, 1, from, from + length), state));
            assertEquals(from + length, state.position());
          }
          Tensor all = Tensors.cat(1, parts.toArray(Tensor[]::new));
          assertArrayEquals(whole, Tensors.numbers(all), 1e-12);
        }
      }
    }
  }

  @Test
  void holdsOneSumAMixerAndNothingWhenClosed() {
    try (Model model = Models.random(Models.HYBRID)) {
      ModelState state = new ModelState();
      assertEquals(0, state.bytes());
      step(model, Models.tokens(TOKENS), state);
      step(model, Models.tokens(TOKENS), state);
      assertEquals(2 * 4, state.elements());
      assertEquals(2 * 4 * Double.BYTES, state.bytes());
      state.close();
      assertEquals(0, state.bytes());
      assertEquals(0, state.position());
    }
  }

  private static Tensor step(Model model, Tensor tokens, ModelState state) {
    try (ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      return model.hidden(tokens, forward);
    }
  }
}
