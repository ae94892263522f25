package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Role;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Padding is to attention as if it were not there. */
class PaddedPromptTest {
  private static final int WIDTH = 16;
  private static final long[] FILLED = {0, 0, 1, 0, 1, 1, 0};
  private static final long[] REAL = {0, 1, 3, 6};

  private static Tensor input(long seed, long time) {
    Generator generator = torch.make_generator_cpu(seed);
    return torch.randn(
        new long[] {1, time, WIDTH},
        new GeneratorOptional(generator),
        new TensorOptions(ScalarType.Double));
  }

  private static Tensor run(StandaloneComponent mixer, Tensor x, ModelState state, long... filled) {
    try (ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      if (filled.length > 0) {
        forward.padded(Tensor.create(filled).unsqueeze(0).eq(new Scalar(1)));
      }
      return mixer.forward(x, forward);
    }
  }

  private static StandaloneComponent mixer(String options) {
    return new StandaloneComponent(
        Components.of(new FullFactory()),
        Role.MIXER,
        ConfigFactory.parseString("type = full, heads = 4, " + options),
        WIDTH,
        WIDTH,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"rope-dim = 0", "rope-dim = 4, kv-heads = 2", "soft-cap = 2"})
  void promptsWithPaddingGoOnLikePromptsWithout(String options) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = mixer(options);
        ModelState padded = new ModelState();
        ModelState plain = new ModelState()) {
      Tensor x = input(1, FILLED.length);
      Tensor real = x.index_select(1, Tensor.create(REAL));
      Tensor expected = run(mixer, real, plain);
      Tensor actual = run(mixer, x, padded, FILLED).index_select(1, Tensor.create(REAL));
      same(expected, actual);
      for (long seed = 2; seed < 5; seed++) {
        Tensor next = input(seed, 1);
        same(run(mixer, next, plain), run(mixer, next, padded));
      }
      Tensor two = input(9, 2);
      assertThrows(IllegalStateException.class, () -> run(mixer, two, padded));
    }
  }

  /** LibTorch's kernel divides by zero where it is given no query, and the process ends. */
  @ParameterizedTest
  @ValueSource(strings = {"rope-dim = 0", "rope-dim = 4, kv-heads = 2", "soft-cap = 2"})
  void aPromptOfNothingButPaddingIsNotThere(String options) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = mixer(options);
        ModelState padded = new ModelState();
        ModelState plain = new ModelState()) {
      assertEquals(0, Tensors.number(run(mixer, input(1, 3), padded, 1, 1, 1).abs().max()));
      for (long seed = 2; seed < 5; seed++) {
        Tensor next = input(seed, 1);
        same(run(mixer, next, plain), run(mixer, next, padded));
      }
    }
  }

  private static void same(Tensor expected, Tensor actual) {
    assertEquals(0, Tensors.number(expected.sub(actual).abs().max()), 1e-12);
  }
}
