package dev.hydra.router.topk;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Role;
import dev.hydra.api.Routing;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenHashRouterTest {
  /** Small ids, and the largest that 32 bits hold. */
  private static final long[] IDS =
      LongStream.concat(LongStream.range(0, 5000), LongStream.of(1L << 31, (1L << 32) - 1))
          .toArray();

  @ParameterizedTest
  @CsvSource({"1, 1, 0", "1, 1024, 0", "2, 1024, 7", "3, 10, 1", "4, 4, 2"})
  void followsTheHash(int topK, int experts, long seed) {
    long[] keys = new SplittableRandom(seed).longs(topK, 0, 1L << 32).toArray();
    long[] chosen = choices(topK, experts, seed, IDS);
    for (int token = 0; token < IDS.length; token++) {
      for (int k = 0; k < topK; k++) {
        int begin = experts * k / topK;
        int end = experts * (k + 1) / topK;
        // In arithmetic modulo 2^32, as int has it.
        int mixed = (int) (IDS[token] ^ keys[k]);
        mixed = (mixed ^ (mixed >>> 16)) * 0x45d9f3b;
        mixed = (mixed ^ (mixed >>> 16)) * 0x45d9f3b;
        mixed ^= mixed >>> 16;
        assertEquals(
            begin + Integer.remainderUnsigned(mixed, end - begin), chosen[token * topK + k]);
      }
    }
  }

  /** 40,000 ids on 1,000 experts: each has 40 with a deviation of 6.3. */
  @Test
  void spreadsIdsEvenly() {
    int[] counts = new int[1000];
    for (long expert : choices(1, 1000, 0, LongStream.range(0, 40_000).toArray())) {
      counts[(int) expert]++;
    }
    double variance = Arrays.stream(counts).mapToDouble(c -> (c - 40.0) * (c - 40)).sum() / 1000;
    assertTrue(variance > 30 && variance < 50, "variance " + variance);
    assertTrue(Arrays.stream(counts).max().orElseThrow() < 40 + 6 * 6.3);
  }

  /** Of the pairs of ids that share the first expert, one in 50 shares the second. */
  @Test
  void hashesAreIndependent() {
    long[] chosen = choices(2, 100, 3, LongStream.range(0, 2000).toArray());
    int first = 0;
    int both = 0;
    for (int a = 0; a < 2000; a++) {
      for (int b = 0; b < a; b++) {
        if (chosen[2 * a] == chosen[2 * b]) {
          first++;
          both += chosen[2 * a + 1] == chosen[2 * b + 1] ? 1 : 0;
        }
      }
    }
    assertEquals(1 / 50.0, both / (double) first, 0.004);
  }

  @Test
  void weighsAllAlikeWhateverTheHiddenStates() {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = build("top-k = 2", 8);
        ForwardContext forward = ForwardContext.evaluation().observing()) {
      forward.about(Tensor.create(new long[] {5, 9, 5, 9, 5, 5}, 2, 3));
      Routing routing = router.route(Tensors.zeros(Tensor.create(1.0), 2, 3, 4), forward);
      double[] half = new double[12];
      Arrays.fill(half, 0.5);
      assertArrayEquals(half, Tensors.numbers(routing.weights()));
      long[] experts = Tensors.integers(routing.experts());
      assertArrayEquals(Arrays.copyOf(experts, 2), Arrays.copyOfRange(experts, 4, 6));
      assertArrayEquals(Arrays.copyOf(experts, 2), Arrays.copyOfRange(experts, 8, 10));

      double[] load = Tensors.numbers(requireNonNull(forward.observations().get("component.load")));
      assertEquals(1, Arrays.stream(load).sum(), 1e-12);
      assertTrue(load[(int) experts[0]] >= 4 / 12.0 - 1e-12);
    }
  }

  @Test
  void seedsDiffer() {
    assertFalse(Arrays.equals(choices(1, 100, 1, IDS), choices(1, 100, 2, IDS)));
  }

  @Test
  void refusesMoreChoicesThanExperts() {
    ConfigException error =
        assertThrows(ConfigException.class, () -> build("top-k = 3", 2).close());
    assertThat(error.toString()).contains("at most the number of experts, 2");
  }

  private static long[] choices(int topK, int experts, long seed, long[] ids) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent router = build("top-k = " + topK + ", seed = " + seed, experts);
        ForwardContext forward = ForwardContext.evaluation()) {
      forward.about(Tensor.create(ids, 1, ids.length));
      Tensor x = Tensors.zeros(Tensor.create(1.0), 1, ids.length, 4);
      return Tensors.integers(router.route(x, forward).experts());
    }
  }

  private static StandaloneComponent build(String options, int experts) {
    return new StandaloneComponent(
        Components.of(new TokenHashRouterFactory()),
        Role.ROUTER,
        ConfigFactory.parseString("type = token-hash, " + options),
        4,
        experts,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }
}
