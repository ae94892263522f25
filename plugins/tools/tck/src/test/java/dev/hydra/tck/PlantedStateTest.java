package dev.hydra.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.StateSpec;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

/** Mixers that keep the last token and declare something else. */
class PlantedStateTest {
  private static final StateSpec LAST = StateSpec.of("last", 4);

  @HydraPlugin("planted")
  private record Declaring(List<StateSpec> declared) implements ComponentFactory<Mixer> {
    @Override
    public Role role() {
      return Role.MIXER;
    }

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Mixer create(Site site) {
      return new Taps(site.parameter("weight", Init.ones(), 2, site.width()));
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return Planted.honest(site, work);
    }

    @Override
    public Optional<List<StateSpec>> state(Site site) {
      return Optional.of(declared);
    }
  }

  /** Keeps all tokens, but lets those before decay at each new one. */
  @HydraPlugin("planted")
  private record Decaying() implements ComponentFactory<Mixer> {
    @Override
    public Role role() {
      return Role.MIXER;
    }

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Mixer create(Site site) {
      return (x, pass) -> {
        Optional<Tensor> kept = pass.cache().flatMap(cache -> cache.get("seen"));
        List<Tensor> sums = new ArrayList<>();
        for (long t = 0; t < x.size(1); t++) {
          Tensor token = x.narrow(1, t, 1);
          kept =
              kept.map(seen -> Tensors.cat(1, Tensors.mul(seen, 0.5), token))
                  .or(() -> Optional.of(token));
          sums.add(kept.get().sum(1).unsqueeze(1));
        }
        Tensor all = kept.orElseThrow();
        pass.cache().ifPresent(cache -> cache.put("seen", all.clone()));
        return Tensors.cat(1, sums.toArray(Tensor[]::new));
      };
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return Cost.NONE;
    }

    @Override
    public Optional<List<StateSpec>> state(Site site) {
      return Optional.of(List.of(StateSpec.of("seen", StateSpec.GROWING, site.width())));
    }
  }

  /**
   * Keeps a running mean.
   *
   * @param converting whether it converts what it has kept before it computes with it
   * @param scale what it multiplies with what it keeps
   */
  @HydraPlugin("planted")
  private record RunningMean(boolean converting, double scale) implements ComponentFactory<Mixer> {
    @Override
    public Role role() {
      return Role.MIXER;
    }

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Mixer create(Site site) {
      return (x, pass) -> {
        Optional<Tensor> kept = pass.cache().flatMap(cache -> cache.get("mean"));
        Tensor mean = kept.map(this::read).orElseGet(() -> torch.zeros_like(x.select(1, 0)));
        List<Tensor> means = new ArrayList<>();
        for (long t = 0; t < x.size(1); t++) {
          mean = mean.lerp(x.select(1, t), torch.full_like(mean, new Scalar(0.5)));
          means.add(mean.unsqueeze(1));
        }
        Tensor last = Tensors.mul(mean, scale);
        pass.cache().ifPresent(cache -> cache.put("mean", last));
        return Tensors.cat(1, means.toArray(Tensor[]::new));
      };
    }

    private Tensor read(Tensor kept) {
      return Tensors.mul(converting ? Tensors.upcast(kept) : kept, 1 / scale);
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return Cost.NONE;
    }

    @Override
    public Optional<List<StateSpec>> state(Site site) {
      StateSpec mean = StateSpec.of("mean", site.width());
      return Optional.of(List.of(mean.in(StateSpec.Dtype.RECURRENT)));
    }
  }

  private static Check check(StateSpec... declared) {
    return check(new Declaring(List.of(declared)), "declared state is kept");
  }

  private static Check check(ComponentFactory<?> factory, String name) {
    return Conformance.of(factory).width(4).time(12).tests().stream()
        .filter(check -> check.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static void assertRefused(String message, StateSpec... declared) {
    Check check = check(declared);
    assertEquals(message, assertThrows(ContractViolation.class, check::run).getMessage());
  }

  @Test
  void whatIsKeptPasses() {
    check(LAST).run();
    check(LAST, StateSpec.of("sometimes").optional()).run();
  }

  @Test
  void changesEntriesLater() {
    check(new Decaying(), "chunked = whole").run();
    Check check = check(new Decaying(), "taken back = never further");
    assertThat(assertThrows(ContractViolation.class, check::run))
        .hasMessageContaining("after 6 tokens, taken back to 1");
  }

  @Test
  void keepsARecurrentStateInSixteenBits() {
    String name = "state in 16 bits";
    check(new RunningMean(true, 1), name).run();
    check(new RunningMean(true, 1e4), name).run();
    assertThat(assertThrows(RuntimeException.class, check(new RunningMean(false, 1), name)::run))
        .hasMessageContaining("dtype");
    assertThat(assertThrows(ContractViolation.class, check(new RunningMean(true, 1e6), name)::run))
        .hasMessageContaining("with its recurrent state in Half decoding is off by Infinity");
  }

  @Test
  void declaresNothing() {
    assertRefused("the state last is kept, but not declared, in a model in Double");
  }

  @Test
  void declaresAnotherShape() {
    assertRefused(
        "the state last of a text of 1 tokens is declared as Double[5], but kept as Double[4],"
            + " in a model in Double",
        StateSpec.of("last", 5));
  }

  /** Seen where the model computes in bfloat16 only. */
  @Test
  void declaresAnotherType() {
    assertRefused(
        "the state last of a text of 1 tokens is declared as Float[4], but kept as BFloat16[4],"
            + " in a model in BFloat16",
        LAST.in(StateSpec.Dtype.FLOAT32));
  }

  @Test
  void declaresWhatItDoesNotKeep() {
    assertRefused(
        "the state first of a text of 1 tokens is declared as Double[4], but not kept, in a model"
            + " in Double",
        LAST,
        StateSpec.of("first", 4));
  }
}
