package dev.hydra.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ComponentFactory;
import dev.hydra.api.Cost;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Init;
import dev.hydra.api.Option;
import dev.hydra.api.ParameterSpec;
import dev.hydra.api.Pass;
import dev.hydra.api.Role;
import dev.hydra.api.Router;
import dev.hydra.api.Routing;
import dev.hydra.api.Site;
import dev.hydra.api.Workload;
import dev.hydra.libtorch.runtime.Tensors;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** Routers that decide what no layer can use. */
class PlantedRoutingTest {
  private static final int EXPERTS = 3;

  /** Weighs the best expert with its softmax, and lets a test change that. */
  @HydraPlugin("planted")
  private record BestFactory(int topK, UnaryOperator<Routing> change)
      implements ComponentFactory<Router> {
    @Override
    public Role role() {
      return Role.ROUTER;
    }

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Router create(Site site) {
      Tensor weight =
          site.parameter(
              ParameterSpec.of("weight", Init.normal(1), site.outputs(), site.width()).inFp32());
      return new Router() {
        @Override
        public Routing route(Tensor x, Pass pass) {
          Tensor shares = Tensors.linear(Tensors.upcast(x), weight).softmax(-1);
          Tensor best = shares.argmax(new LongOptional(-1), true);
          return change.apply(new Routing(best, shares.gather(-1, best)));
        }

        @Override
        public int topK() {
          return topK;
        }
      };
    }

    @Override
    public Cost cost(Site site, Workload work) {
      return Cost.linear(work.tokens(), site.width(), site.outputs());
    }
  }

  private static List<Check> checks(int topK, UnaryOperator<Routing> change) {
    return Conformance.of(new BestFactory(topK, change)).width(4).time(12).experts(EXPERTS).tests();
  }

  private static void assertRefused(String message, int topK, UnaryOperator<Routing> change) {
    Check routing = checks(topK, change).get(0);
    assertEquals("routing", routing.name());
    String actual = assertThrows(ContractViolation.class, routing::run).getMessage();
    assertThat(actual).startsWith(message);
  }

  private static Tensor twice(Tensor tensor) {
    return Tensors.cat(-1, tensor, tensor);
  }

  @Test
  void soundRoutersPass() {
    checks(1, routing -> routing).forEach(Check::run);
  }

  @Test
  void choosesAnExpertTwice() {
    assertRefused(
        "experts must be different and among 3, are [",
        2,
        routing -> new Routing(twice(routing.experts()), twice(routing.weights())));
  }

  @Test
  void choosesAnExpertThatThereIsNot() {
    assertRefused(
        "experts must be different and among 3, are [",
        1,
        routing ->
            new Routing(
                routing.experts().add(Tensors.range(EXPERTS, EXPERTS + 1, routing.experts())),
                routing.weights()));
  }

  @Test
  void choosesMoreThanItSays() {
    assertRefused(
        "experts must be Long[2, 12, 1], are Long[2, 12, 2]",
        1,
        routing -> new Routing(twice(routing.experts()), twice(routing.weights())));
  }

  @Test
  void answersInOtherTypes() {
    assertRefused(
        "experts must be Long[2, 12, 1], are Int[2, 12, 1]",
        1,
        routing -> new Routing(routing.experts().to(ScalarType.Int), routing.weights()));
    assertRefused(
        "weights must be Float[2, 12, 1], are BFloat16[2, 12, 1]",
        1,
        routing -> new Routing(routing.experts(), routing.weights().to(ScalarType.BFloat16)));
  }
}
