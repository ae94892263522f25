package dev.hydra.composer.swap;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Mixer;
import dev.hydra.api.StateCache;
import dev.hydra.composer.model.ComponentSlot;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Models;
import dev.hydra.composer.model.OddMixer;
import dev.hydra.composer.model.Owner;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What components remember of so many tokens. */
@ExtendWith(InScope.class)
class StateLayoutsTest {
  private static final int BUFFER = 4;

  /** Remembers the tokens since the last multiple of four, and counts what it reads. */
  private static Mixer buffering(AtomicLong read) {
    return (x, pass) -> {
      pass.cache().ifPresent(cache -> remember(cache, x));
      read.addAndGet(x.size(1));
      return x;
    };
  }

  private static void remember(StateCache cache, Tensor x) {
    long all = cache.position() + x.size(1);
    cache.put("buffer", Tensors.zeros(x, x.size(0), all % BUFFER, x.size(2)));
  }

  private static Map<String, String> buffer(long batch, long tokens) {
    return Map.of("/buffer", "Float[" + batch + ", " + tokens % BUFFER + ", 4]");
  }

  @Test
  void goOnFromWhereTheyWere() {
    AtomicLong read = new AtomicLong();
    try (Owner owner = new Owner(Models.build(Models.HYBRID, ScalarType.Float));
        StateLayouts layouts = new StateLayouts(owner.model.placement())) {
      assertTrue(owner.swap(SwapRequest.to(OddMixer.stateless(buffering(read)))).switched());
      List<ComponentSlot> mixers =
          owner.model.slots().stream().filter(slot -> slot.path().name().equals("mixer")).toList();
      assertEquals(2, mixers.size());
      read.set(0);
      for (long tokens : new long[] {5, 5, 7, 3}) {
        for (ComponentSlot each : mixers) {
          assertEquals(buffer(2, tokens), layouts.after(each, new ModelState.Extent(2, tokens)));
        }
      }
      assertEquals(5 + 2 + 3, read.get(), "once for both, and no token twice, unless it goes back");
      layouts.after(mixers.get(1), new ModelState.Extent(2, 8));
      assertEquals(10 + 8, read.get(), "another component does not go on with the state of one");
      layouts.after(mixers.get(1), new ModelState.Extent(1, 8));
      assertEquals(18 + 8, read.get(), "another batch is another layout");
    }
  }
}
