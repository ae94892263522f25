package dev.hydra.ffn.moe;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Cost;
import dev.hydra.api.Role;
import dev.hydra.api.Workload;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.router.topk.TopKRouterFactory;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MoeTest {
  private static final int WIDTH = 8;
  private static final String QUIET = "balance-loss = 0, z-loss = 0";

  /** Against all experts computed for all tokens, and those not chosen multiplied by zero. */
  @ParameterizedTest
  @CsvSource({"4, 2, 0, 20", "4, 4, 0, 20", "1, 1, 0, 20", "9, 2, 0, 2", "4, 1, 10, 20"})
  void equalsTheDenseComputation(int experts, int topK, int shared, int time) {
    String options =
        "hidden = 5, experts = %d, shared-hidden = %d, router { type = topk, top-k = %d, %s }"
            .formatted(experts, shared, topK, QUIET);
    try (PointerScope scope = new PointerScope();
        StandaloneComponent moe = build(options, ScalarType.Double);
        ForwardContext forward = ForwardContext.training()) {
      Tensor x = input(time).set_requires_grad(true);
      Tensor direction = input(time).cos();
      Tensor y = moe.forward(x, forward);
      y.mul(direction).sum().backward();

      Map<String, Tensor> copies =
          moe.parameters().all().stream().collect(Collectors.toMap(Parameter::name, MoeTest::leaf));
      Tensor x2 = x.detach().clone().set_requires_grad(true);
      Tensor expected = dense(copies, x2, topK, shared);
      expected.mul(direction).sum().backward();

      assertClose(expected, y, "output");
      assertClose(x2.grad(), x.grad(), "gradient of the input");
      for (Parameter parameter : moe.parameters().all()) {
        Tensor reference = named(copies, parameter.name()).grad();
        assertClose(reference, parameter.working().grad(), parameter.name());
      }
    }
  }

  private static Tensor dense(Map<String, Tensor> p, Tensor x, int topK, int shared) {
    Tensor probabilities = x.matmul(named(p, "component.router.weight").t()).softmax(-1);
    T_TensorTensor_T best = probabilities.topk(topK);
    Tensor kept = best.get0().div(best.get0().sum(-1).unsqueeze(-1));
    Tensor weights = torch.zeros_like(probabilities).scatter(-1, best.get1(), kept);
    Tensor gateUp = named(p, "component.gate_up.weight");
    Tensor down = named(p, "component.down.weight");
    Tensor sum = torch.zeros_like(x);
    for (int e = 0; e < gateUp.size(0); e++) {
      Tensor y = swiGlu(x, gateUp.select(0, e), down.select(0, e));
      sum = sum.add(y.mul(weights.select(-1, e).unsqueeze(-1)));
    }
    return shared == 0
        ? sum
        : sum.add(
            swiGlu(
                x,
                named(p, "component.shared.gate_up.weight"),
                named(p, "component.shared.down.weight")));
  }

  private static Tensor swiGlu(Tensor x, Tensor gateUp, Tensor down) {
    long hidden = gateUp.size(0) / 2;
    Tensor gate = x.matmul(Tensors.slice(gateUp, 0, 0, hidden).t());
    Tensor up = x.matmul(Tensors.slice(gateUp, 0, hidden, 2 * hidden).t());
    return gate.mul(gate.sigmoid()).mul(up).matmul(down.t());
  }

  @Test
  void expertsThatNobodyChoseAreLeftAlone() {
    String options = "hidden = 8, experts = 16, router { type = topk, " + QUIET + " }";
    for (ScalarType type : new ScalarType[] {ScalarType.Double, ScalarType.Float}) {
      try (PointerScope scope = new PointerScope();
          StandaloneComponent moe = build(options, type);
          ForwardContext forward = ForwardContext.training().observing()) {
        moe.forward(input(3).to(type), forward).sum().backward();
        double[] load = Tensors.numbers(named(forward.observations(), "component.router.load"));
        Tensor gradient = parameter(moe, "component.down.weight").grad().abs().sum(1, 2);
        double[] touched = Tensors.numbers(gradient);
        int idle = 0;
        for (int e = 0; e < load.length; e++) {
          assertEquals(load[e] > 0, touched[e] > 0, "expert " + e);
          idle += load[e] > 0 ? 0 : 1;
        }
        assertTrue(idle >= 4, "6 tokens of 2 choices leave at least 4 of 16 experts idle");
      }
    }
  }

  /** That it learns from the output too, {@link #equalsTheDenseComputation} shows. */
  @ParameterizedTest
  @CsvSource({
    "'topk, balance-loss = 1, z-loss = 0'",
    "'topk, balance-loss = 0, z-loss = 1'",
    "'chunk-topk, chunk = 3, balance-loss = 1, z-loss = 0'",
    "'chunk-topk, chunk = 3, balance-loss = 0, z-loss = 1'"
  })
  void theRouterLearnsFromItsLosses(String router) {
    String options = "hidden = 5, router { type = " + router + " }";
    try (PointerScope scope = new PointerScope();
        StandaloneComponent moe = build(options, ScalarType.Double);
        ForwardContext forward = ForwardContext.training()) {
      moe.forward(input(20), forward);
      assertEquals(1, forward.losses().size());
      forward.losses().values().forEach(Tensor::backward);
      Tensor gradient = parameter(moe, "component.router.weight").grad();
      assertTrue(Tensors.number(gradient.abs().max()) > 1e-6);
    }
  }

  @ParameterizedTest
  @CsvSource({"Float", "BFloat16"})
  void repeatsItselfBitByBit(ScalarType type) {
    String options = "hidden = 8, shared-hidden = 8, router { type = topk }";
    try (PointerScope scope = new PointerScope();
        StandaloneComponent one = build(options, type);
        StandaloneComponent two = build(options, type);
        ForwardContext forward = ForwardContext.training()) {
      Tensor x = input(40).to(type);
      one.forward(x, forward).sum().backward();
      two.forward(x, forward).sum().backward();
      for (Parameter parameter : one.parameters().all()) {
        assertTrue(
            parameter.working().grad().equal(parameter(two, parameter.name()).grad()),
            parameter.name());
      }
    }
  }

  @Test
  void costsWhatIsChosen() {
    String options =
        "hidden = 5, experts = 8, shared-hidden = 5, router { type = topk, top-k = 2 }";
    try (StandaloneComponent moe = build(options, ScalarType.Float)) {
      Cost cost = moe.cost(Workload.sequence(10));
      double router = 2 * 10 * WIDTH * 8;
      double expert = 2 * 10 * 3 * WIDTH * 5;
      assertEquals(router + 3 * expert, cost.flops());
      assertEquals(6 * 3 * WIDTH * 5, cost.idleParameters());
      assertEquals(0, cost.state());
    }
  }

  @Test
  void keepsNoCopiesOfTokensThatAreReadInPlace() {
    int time = 128;
    double copies = time * 2 * WIDTH;
    assertEquals(copies, kept(8, 32, time) - kept(8, 64, time), "chunks that are read together");
    assertEquals(0, kept(8, 32, time) - kept(8, 96, time), "chunks that are not whole");
    assertEquals(0, kept(5, 32, time) - kept(5, 64, time), "a side that kernels do not take");
  }

  private static double kept(int hidden, int chunk, int time) {
    String options = "hidden = %d, router { type = chunk-topk, chunk = %d, top-k = 2 }";
    try (StandaloneComponent moe = build(options.formatted(hidden, chunk), ScalarType.Float)) {
      return moe.cost(Workload.sequence(time)).activations();
    }
  }

  @Test
  void reportsAMistakeInItsRouterWithItsPlace() {
    ConfigException error =
        assertThrows(
            ConfigException.class,
            () ->
                build(
                        "hidden = 5, experts = 2\nrouter { type = topk, top-k = 3 }",
                        ScalarType.Float)
                    .close());
    assertEquals(
        "String: 2: component.router.top-k: must be at most the number of experts, 2, but is 3",
        error.getMessage());
  }

  private static StandaloneComponent build(String options, ScalarType type) {
    return new StandaloneComponent(
        Components.of(new MoeFactory(), new TopKRouterFactory(), new ChunkTopKRouterFactory()),
        Role.FEED_FORWARD,
        ConfigFactory.parseString("type = moe, " + options),
        WIDTH,
        WIDTH,
        new Placement(Devices.cpu(), type),
        1);
  }

  private static Tensor named(Map<String, Tensor> tensors, String name) {
    return requireNonNull(tensors.get(name), name);
  }

  private static Tensor parameter(StandaloneComponent component, String name) {
    return component.parameters().all().stream()
        .filter(parameter -> parameter.name().equals(name))
        .findFirst()
        .orElseThrow()
        .working();
  }

  private static Tensor leaf(Parameter parameter) {
    return parameter.working().detach().clone().set_requires_grad(true);
  }

  /** Different for each length, the same for each call. */
  private static Tensor input(long time) {
    torch.manual_seed(time);
    return torch.randn(2, time, WIDTH).to(ScalarType.Double);
  }

  private static void assertClose(Tensor expected, Tensor actual, String what) {
    assertTrue(Tensors.number(expected.sub(actual).abs().max()) < 1e-12, what);
  }
}
