package dev.hydra.composer.swap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.Config;
import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.Init;
import dev.hydra.api.Migration;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.PluginId;
import dev.hydra.api.Registration;
import dev.hydra.api.Role;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.BestFactory;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Models;
import dev.hydra.composer.model.OddMixer;
import dev.hydra.composer.model.Owner;
import dev.hydra.composer.model.RunningSumFactory;
import dev.hydra.composer.model.Texts;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.composer.spec.SitePath;
import dev.hydra.composer.spec.SpecConfig;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.RandomState;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a swap does to a model. */
@ExtendWith(InScope.class)
class SwapperTest {
  private static final Tensor INPUT = Models.tokens(1, 2, 3, 4, 5, 6, 7, 8);

  private static Owner owner() {
    return new Owner(Models.random(Models.HYBRID));
  }

  /** The running sum in another version. */
  @Test
  void theModelComputesTheSameAndNothingIsTouched() {
    try (Owner owner = owner()) {
      Tensor before = Models.hidden(owner.model, INPUT);
      Map<String, double[]> values = Models.values(owner.model);
      double[] random = Tensors.numbers(RandomState.save().cpu());
      SwapReport report = owner.swap(SwapRequest.to(RunningSumFactory.version("3.1")));
      assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
      assertEquals(
          List.of("blocks.0.mixer", "blocks.1.mixer"),
          report.sites().stream().map(site -> site.path().text()).toList());
      assertEquals("running-sum (sums 3.1)", report.sites().get(0).to().toString());
      assertEquals(
          List.of("blocks.0.mixer.weight", "blocks.1.mixer.weight"), report.parameters().carried());
      assertTrue(before.equal(Models.hidden(owner.model, INPUT)));
      assertEquals(values.keySet(), Models.values(owner.model).keySet());
      assertThat(owner.model.plugins()).contains(PluginId.of("sums", "3.1"));
      assertArrayEquals(random, Tensors.numbers(RandomState.save().cpu()));
      owner
          .model
          .parameters()
          .all()
          .forEach(each -> assertFalse(each.working().grad().defined(), each.name()));
    }
  }

  /** A running sum that keeps the versions that it is asked to take over from. */
  private record Asked(List<String> versions) implements ComponentFactory<Mixer> {
    @Override
    public Role role() {
      return Role.MIXER;
    }

    @Override
    public List<Option<?>> options() {
      return new RunningSumFactory().options();
    }

    @Override
    public Mixer create(Site site) {
      return new RunningSumFactory().create(site);
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return Cost.NONE;
    }

    @Override
    public Optional<Migration> migration(String type, String version) {
      versions.add(version);
      return Optional.empty();
    }
  }

  @Test
  void aFactoryIsToldTheVersionThatThePluginGivesItself() {
    PluginId before = PluginId.of("sums", "3.1").withHash("ab".repeat(32));
    Asked asked = new Asked(new ArrayList<>());
    try (Owner owner = owner()) {
      owner.swap(
          SwapRequest.to(new Registration("running-sum", new RunningSumFactory(), before))
              .at("blocks.0.mixer"));
      owner.swap(
          SwapRequest.to(new Registration("running-sum", asked, PluginId.of("sums", "4")))
              .at("blocks.0.mixer"));
      assertEquals(List.of("3.1"), asked.versions());
    }
  }

  @Test
  void routersAreSitesToo() {
    try (Owner owner = owner()) {
      SwapReport report =
          owner.swap(
              SwapRequest.to(
                      new Registration("best", new BestFactory(), PluginId.of("routers", "2")))
                  .at("blocks.*.ffn.router"));
      assertEquals("blocks.1.ffn.router", report.sites().get(0).path().text(), report.reason());
      assertThat(owner.model.plugins()).contains(PluginId.of("routers", "2"));
    }
  }

  @Test
  void aDryRunChangesNothing() {
    try (Owner owner = owner()) {
      SwapReport report = owner.swap(SwapRequest.to(RunningSumFactory.version("3.1")).dry());
      assertEquals(SwapReport.Status.PREPARED, report.status());
      assertEquals(2, report.sites().size());
      assertThat(owner.model.plugins()).doesNotContain(PluginId.of("sums", "3.1"));
    }
  }

  @Test
  void requestsAtOnceComeOneAfterTheOther() {
    try (Owner owner = owner()) {
      List<SwapReport> reports =
          owner.swap(
              Optional.empty(),
              SwapRequest.to(RunningSumFactory.version("4")),
              SwapRequest.to(RunningSumFactory.version("5")).at("blocks.0.mixer"),
              SwapRequest.to(OddMixer.of(site -> (x, pass) -> x)));
      assertEquals(SwapReport.Status.SWITCHED, reports.get(0).status());
      assertEquals(SwapReport.Status.SWITCHED, reports.get(1).status());
      assertEquals(SwapReport.Status.REFUSED, reports.get(2).status());
      boolean fourFirst = reports.get(0).step() < reports.get(1).step();
      assertEquals(
          fourFirst ? "5" : "4",
          owner.swapper.list().get(new SitePath("blocks.0.mixer")).plugin().version(),
          "the later one is in place");
    }
  }

  @Test
  void whoRunsTheModelCannotWaitForItself() {
    try (Owner owner = owner()) {
      owner.swapper.boundary(1);
      assertThrows(
          IllegalStateException.class,
          () -> owner.swapper.swap(SwapRequest.to(RunningSumFactory.version("4"))));
    }
  }

  @Test
  void newParametersAreThoseThatANewModelHas() {
    Config wide = Texts.config("type = scales, experts = 5");
    try (Owner owner = owner()) {
      SwapReport report =
          owner.swap(
              SwapRequest.configure(wide, "blocks.1.ffn")
                  .withUnexpectedKeys(SwapRequest.UnexpectedKeys.DROP));
      assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
      assertEquals(
          List.of("blocks.1.ffn.scale"),
          report.parameters().initialised().stream()
              .filter(name -> name.endsWith("scale"))
              .toList());
      Config saved = SpecConfig.write(owner.model.spec(), Texts.config(Models.HYBRID));
      Model rebuilt =
          Model.build(
              ModelSpec.read(saved), Models.components(), owner.model.placement(), Models.SEED);
      try (rebuilt) {
        assertEquals(
            List.copyOf(rebuilt.parameters().byName().keySet()),
            List.copyOf(owner.model.parameters().byName().keySet()),
            "the same order");
        assertTrue(
            master(rebuilt, "blocks.1.ffn.scale").equal(master(owner.model, "blocks.1.ffn.scale")));
      }
    }
  }

  private static Tensor master(Model model, String name) {
    return model.parameters().byName().get(name).master().detach();
  }

  @Test
  void whatVanishesIsKeptOrDropped() {
    SwapRequest request = SwapRequest.to(OddMixer.of(site -> (x, pass) -> x)).at("blocks.0.mixer");
    for (SwapRequest.UnexpectedKeys policy :
        List.of(SwapRequest.UnexpectedKeys.DROP, SwapRequest.UnexpectedKeys.KEEP)) {
      try (Owner owner = owner()) {
        double[] value = Tensors.numbers(master(owner.model, "blocks.0.mixer.weight"));
        SwapReport report = owner.swap(request.withUnexpectedKeys(policy));
        assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
        boolean kept = policy == SwapRequest.UnexpectedKeys.KEEP;
        assertEquals(
            List.of("blocks.0.mixer.weight"),
            kept ? report.parameters().kept() : report.parameters().dropped());
        assertEquals(kept, owner.model.parameters().byName().containsKey("blocks.0.mixer.weight"));
        assertEquals(SwapReport.Status.SWITCHED, owner.swap(request).status(), "once more");
        assertEquals(kept, owner.model.parameters().byName().containsKey("blocks.0.mixer.weight"));
        SwapReport back =
            owner.swap(SwapRequest.to(RunningSumFactory.version("9")).at("blocks.0.mixer"));
        assertEquals(SwapReport.Status.SWITCHED, back.status(), back.reason());
        assertEquals(
            kept,
            Arrays.equals(value, Tensors.numbers(master(owner.model, "blocks.0.mixer.weight"))),
            "what was kept comes back");
      }
    }
  }

  /** The running sum with its weight in two halves. */
  private static Mixer halves(Site site) {
    Tensor upper = site.parameter("upper", Init.zeros(), site.width() / 2, site.width());
    Tensor lower = site.parameter("lower", Init.zeros(), site.width() / 2, site.width());
    return (x, pass) ->
        Tensors.cat(2, Tensors.linear(x, upper).cumsum(1), Tensors.linear(x, lower).cumsum(1));
  }

  @Test
  void migrationsMoveValues() {
    Migration split =
        Migration.rearranging(
            old -> {
              Tensor weight = old.get("weight");
              return Map.of(
                  "upper", Tensors.slice(weight, 0, 0, 2), "lower", Tensors.slice(weight, 0, 2, 4));
            });
    try (Owner owner = owner()) {
      double[] before = Tensors.numbers(Models.hidden(owner.model, INPUT));
      SwapReport report = owner.swap(SwapRequest.to(OddMixer.of(split, SwapperTest::halves)));
      assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
      assertEquals(4, report.parameters().migrated().size());
      assertEquals(2, report.parameters().dropped().size());
      assertArrayEquals(before, Tensors.numbers(Models.hidden(owner.model, INPUT)), 1e-12);
    }
  }

  @Test
  void decodingGoesOn() {
    try (Owner owner = owner();
        ModelState whole = new ModelState();
        ModelState swapped = new ModelState()) {
      List<double[]> expected = new ArrayList<>();
      List<double[]> found = new ArrayList<>();
      for (int token = 0; token < 8; token++) {
        expected.add(next(owner.model, token, whole));
      }
      for (int token = 0; token < 8; token++) {
        SwapReport report =
            owner
                .swap(Optional.of(swapped), SwapRequest.to(RunningSumFactory.version("1." + token)))
                .get(0);
        assertEquals(SwapReport.Status.SWITCHED, report.status(), report.reason());
        found.add(next(owner.model, token, swapped));
      }
      for (int token = 0; token < 8; token++) {
        assertArrayEquals(expected.get(token), found.get(token));
      }
    }
  }

  private static double[] next(Model model, int token, ModelState state) {
    try (ForwardContext forward = ForwardContext.evaluation().with(state);
        Grad off = Grad.off()) {
      return Tensors.numbers(model.hidden(Tensors.slice(INPUT, 1, token, token + 1), forward));
    }
  }

  @Test
  void aDecodingStateThatDoesNotFitIsRefusedOrReset() {
    Registration other =
        OddMixer.stateless(
            (x, pass) -> {
              pass.cache()
                  .ifPresent(
                      cache -> {
                        assertEquals(cache.position() == 0, cache.get("other").isEmpty());
                        cache.put("other", Tensors.slice(x, 1, 0, 1));
                      });
              return x;
            });
    try (Owner owner = owner();
        ModelState state = new ModelState()) {
      next(owner.model, 0, state);
      next(owner.model, 1, state);
      SwapRequest request = SwapRequest.to(other);
      SwapReport refused = owner.swap(Optional.of(state), request).get(0);
      assertEquals(SwapReport.Status.REFUSED, refused.status());
      assertEquals(
          "blocks.0.mixer: the decoding state is not such as the component leaves that is to go on"
              + " with it (the component at blocks.0.mixer does not declare what it keeps); with"
              + " state reset the site forgets the tokens so far; or swap between texts",
          refused.reason());
      SwapReport reset =
          owner.swap(Optional.of(state), request.state(SwapRequest.State.RESET)).get(0);
      assertEquals(SwapReport.Status.SWITCHED, reset.status(), reset.reason());
      next(owner.model, 2, state);
      next(owner.model, 3, state);
      assertEquals(4, state.position());
      assertThat(state.export()).containsKey("blocks.0.mixer/other");
      assertThat(state.export()).doesNotContainKey("blocks.0.mixer/sum");
    }
  }

  @Test
  void whatIsAskedForAfterTheEndIsRefused() {
    try (Owner owner = new Owner(Models.build(Models.HYBRID, Devices.cpu(), ScalarType.Float, 1))) {
      owner.swapper.close();
      SwapReport report = owner.swap(SwapRequest.to(RunningSumFactory.version("4")));
      assertEquals("the run has ended", report.reason());
    }
  }
}
