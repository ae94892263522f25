package dev.hydra.libtorch.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.Samples;
import java.util.Optional;
import java.util.function.BiFunction;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class SharedInputTest {
  private static final int MAPS = 3;
  private static final Device CPU = new Device("cpu");

  private final RandomInput random = new RandomInput();
  private final Tensor x = random.values(2, 9, 16);
  private final Tensor[] weights = {
    random.values(24, 16), random.values(8, 16), random.values(24, 16)
  };
  private final Tensor[] arriving = {
    random.values(2, 9, 24), random.values(2, 9, 8), random.values(2, 9, 24)
  };

  /** Gradients of x and of all weights; the loss depends on the first results only. */
  private Tensor[] gradients(
      BiFunction<Tensor, Linear[], Tensor[]> maps, Device device, ScalarType type, int used) {
    Tensor[] leaves = new Tensor[1 + MAPS];
    leaves[0] = Samples.leaf(x, device, type);
    Linear[] linear = new Linear[MAPS];
    for (int i = 0; i < MAPS; i++) {
      leaves[1 + i] = Samples.leaf(weights[i], device, type);
      linear[i] = new Linear(leaves[1 + i], Optional.empty());
    }
    Tensor[] results = maps.apply(leaves[0], linear);
    Tensor loss = null;
    for (int i = 0; i < used; i++) {
      Tensor part = results[i].mul(arriving[i].to(device, type)).sum();
      loss = loss == null ? part : loss.add(part);
    }
    Backward.run(loss);
    Tensor[] found = new Tensor[leaves.length];
    for (int i = 0; i < leaves.length; i++) {
      found[i] = leaves[i].grad().defined() ? leaves[i].grad().to(CPU, ScalarType.Double) : null;
    }
    return found;
  }

  private static Tensor[] apart(Tensor x, Linear... maps) {
    Tensor[] all = new Tensor[maps.length];
    for (int i = 0; i < all.length; i++) {
      all[i] = maps[i].apply(x);
    }
    return all;
  }

  private static double distance(Tensor a, Tensor b) {
    return Tensors.number(a.sub(b).norm()) / Tensors.number(b.norm());
  }

  @Test
  void theGradientsAreThoseOfMapsApart() {
    for (int used = 1; used <= MAPS; used++) {
      Tensor[] expected = gradients(SharedInputTest::apart, CPU, ScalarType.Double, used);
      Tensor[] found = gradients(SharedInput::applyAll, CPU, ScalarType.Double, used);
      for (int i = 0; i <= used; i++) {
        assertThat(distance(found[i], expected[i])).isLessThan(1e-14);
      }
      for (int i = used + 1; i <= MAPS; i++) {
        assertThat(found[i]).isNull();
      }
    }
  }

  @Test
  void theCpuKeepsMapsApart() {
    Tensor leaf = Samples.leaf(x, CPU, ScalarType.Float);
    Linear map = new Linear(weights[0], Optional.empty());
    assertFalse(SharedInput.pays(leaf, map, map));
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void onCudaTheSumIsNearerToFloat64ThanOfMapsApart() {
    Device cuda = new Device("cuda");
    Tensor leaf = Samples.leaf(x, cuda, ScalarType.BFloat16);
    Linear map = new Linear(Samples.leaf(weights[0], cuda, ScalarType.BFloat16), Optional.empty());
    assertTrue(SharedInput.pays(leaf, map, map));
    assertFalse(SharedInput.pays(leaf, map), "one map has nothing to share");
    assertTrue(SharedInput.pays(GradientSum.of(leaf), map), "others may read it");
    try (Grad off = Grad.off()) {
      assertFalse(SharedInput.pays(leaf, map, map));
    }
    Tensor[] exact = gradients(SharedInputTest::apart, CPU, ScalarType.Double, MAPS);
    Tensor[] apart = gradients(SharedInputTest::apart, cuda, ScalarType.BFloat16, MAPS);
    Tensor[] found = gradients(Linear::applyAll, cuda, ScalarType.BFloat16, MAPS);
    assertThat(distance(found[0], exact[0])).isLessThan(1.1 * distance(apart[0], exact[0]));
    for (int i = 1; i <= MAPS; i++) {
      assertTrue(found[i].equal(apart[i]), "weights of map " + i);
    }
  }
}
