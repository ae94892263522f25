package dev.hydra.tck;

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
import java.util.List;
import java.util.Optional;
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

  private static Check check(StateSpec... declared) {
    return Conformance.of(new Declaring(List.of(declared))).width(4).time(12).tests().stream()
        .filter(check -> check.name().equals("declared state is kept"))
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
