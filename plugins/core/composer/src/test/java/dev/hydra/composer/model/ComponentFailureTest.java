package dev.hydra.composer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Mixer;
import dev.hydra.api.Option;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.composer.spec.ModelSpec;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import java.util.List;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Components that cannot be created, or throw when they run. */
@ExtendWith(InScope.class)
class ComponentFailureTest {
  /** Takes a parameter, then creates whatever a test wants. */
  @HydraPlugin("odd")
  private record OddFactory(Role role, Function<Site, Object> create)
      implements ComponentFactory<Object> {
    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Object create(Site site) {
      site.parameter("weight", Init.zeros(), site.width());
      return create.apply(site);
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return Cost.NONE;
    }
  }

  private static void build(String paths, ComponentFactory<?>... others) {
    ModelSpec spec =
        ModelSpec.read(
            Texts.config("model { width = 6, depth = 2, block.paths = [\n" + paths + "\n] }"));
    Model.build(
            spec,
            Models.components(others),
            new Placement(Devices.cpu(), ScalarType.Float),
            Models.SEED)
        .close();
  }

  private static final String PLUGIN = "dev.hydra.composer.model unversioned";

  /** What is thrown by a model with this component, when it runs. */
  private static IllegalStateException running(String paths, Role role, Object component) {
    ModelSpec spec =
        ModelSpec.read(
            Texts.config("model { width = 6, depth = 2, block.paths = [\n" + paths + "\n] }"));
    try (Model model =
            Model.build(
                spec,
                Models.components(new OddFactory(role, site -> component)),
                new Placement(Devices.cpu(), ScalarType.Float),
                Models.SEED);
        ForwardContext forward = ForwardContext.evaluation()) {
      return assertThrows(
          IllegalStateException.class, () -> model.hidden(Models.tokens(1, 2), forward));
    }
  }

  @Test
  void whatRunsNamesSitePluginOperatorAndPlace() {
    Mixer mixer = (x, pass) -> x.matmul(x);
    IllegalStateException e = running("{ mixer = odd, at = 1 }", Role.MIXER, mixer);
    assertThat(e.getMessage())
        .startsWith(
            "component odd (" + PLUGIN + ") at blocks.1.mixer failed in ComponentFailureTest.")
        .contains("(ComponentFailureTest.java:", "), operator matmul: ")
        .doesNotContain("Exception raised from", "frame #");
    assertThat(e.getCause()).hasMessageContaining("Exception raised from");
  }

  /** What a child throws is told of the child, once. */
  @Test
  void aFailingChildIsNamed() {
    Router router =
        new Router() {
          @Override
          public Routing route(Tensor x, Pass pass) {
            throw new UnsupportedOperationException("no way");
          }

          @Override
          public int topK() {
            return 1;
          }
        };
    assertThat(running("{ ffn { type = scales, router.type = odd } }", Role.ROUTER, router))
        .hasMessageMatching(
            "component odd \\("
                + PLUGIN
                + "\\) at blocks\\.0\\.ffn\\.router failed in .*:"
                + " java\\.lang\\.UnsupportedOperationException: no way");
  }

  private static IllegalStateException failure(String paths, ComponentFactory<?> factory) {
    return assertThrows(IllegalStateException.class, () -> build(paths, factory));
  }

  @Test
  void exceptionsNameTheSite() {
    RuntimeException cause = new UnsupportedOperationException("not today");
    IllegalStateException e =
        failure(
            "{ mixer = running-sum }, { mixer = odd, at = 1 }",
            new OddFactory(
                Role.MIXER,
                site -> {
                  throw cause;
                }));
    assertEquals(
        "component odd (" + PLUGIN + ") at blocks.1.mixer2 cannot be created: " + cause,
        e.getMessage());
    assertSame(cause, e.getCause());
  }

  @Test
  void missingClassesNameTheSite() {
    IllegalStateException e =
        failure(
            "{ mixer = odd }",
            new OddFactory(
                Role.MIXER,
                site -> {
                  throw new NoClassDefFoundError("com/example/Gone");
                }));
    assertEquals(
        "component odd ("
            + PLUGIN
            + ") at blocks.0.mixer cannot be created: java.lang.NoClassDefFoundError:"
            + " com/example/Gone",
        e.getMessage());
  }

  @Test
  void componentsOfAnotherRoleNameTheSite() {
    Mixer mixer = (x, pass) -> x;
    assertEquals(
        "component odd at blocks.0.ffn is not a FeedForward",
        failure("{ ffn = odd }", new OddFactory(Role.FEED_FORWARD, site -> mixer)).getMessage());
    assertEquals(
        "component odd at blocks.0.ffn.router is not a Router",
        failure(
                "{ ffn { type = scales, router.type = odd } }",
                new OddFactory(Role.ROUTER, site -> mixer))
            .getCause()
            .getMessage());
  }

  @Test
  void mistakesInOptionsNameFileAndLine() {
    assertEquals(
        "test.conf: 2: model.block.paths[0].mixer.heads: must divide the width 6",
        Texts.refusal(() -> build("{ mixer { type = running-sum, heads = 4 } }")));
    assertEquals(
        "test.conf: 3: model.block.paths[0].mixer.head: unknown key \"head\";"
            + " did you mean \"heads\"? Known: heads, type",
        Texts.refusal(() -> build("{ mixer { type = running-sum\nhead = 4 } }")));
    assertEquals(
        "test.conf: 2: model.block.paths[0].ffn.router.k: unknown key \"k\"." + " Known: type",
        Texts.refusal(() -> build("{ ffn { type = scales, router { type = best, k = 1 } } }")));
    assertEquals(
        "test.conf: 2: model.block.paths[0].mixer.type: unknown mixer type \"runing-sum\";"
            + " did you mean \"running-sum\"? Known: running-sum",
        Texts.refusal(() -> build("{ mixer = runing-sum }")));
  }

  @Test
  void parametersHaveOneShape() {
    IllegalStateException e =
        failure(
            "{ mixer = odd }",
            new OddFactory(Role.MIXER, site -> site.parameter("weight", Init.zeros(), 3)));
    assertEquals(
        "parameter blocks.0.mixer.weight has shape [6], not [3]", e.getCause().getMessage());
  }

  @Test
  void nothingIsLeftBehind() {
    OddFactory thrower =
        new OddFactory(
            Role.MIXER,
            site -> {
              throw new UnsupportedOperationException();
            });
    Handles.assertFlat(20, () -> failure("{ ffn = scales }, { mixer = odd }", thrower));
  }
}
