package dev.hydra.mixer.mamba;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
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
import dev.hydra.libtorch.autograd.Backward;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.router.topk.ChunkTopKRouterFactory;
import dev.hydra.router.topk.TopKRouterFactory;
import dev.hydra.testing.RandomInput;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MossNetTest {
  private static final String PREFIX = "component.";
  private static final int WIDTH = 16;
  private static final int TIME = 13;
  private static final String SMALL = "state = 4, chunk = 5, ";

  /** Against all experts computed for all tokens, and those not chosen multiplied by zero. */
  @ParameterizedTest
  @CsvSource({
    "4, 2, ''",
    "3, 3, ''",
    "1, 1, ''",
    "40, 2, 'inner = 24, dt-rank = 3'",
    "5, 1, 'bias = true, bcdt-norm = true'"
  })
  void equalsTheDenseComputation(int experts, int topK, String more) {
    String router = "router { type = topk, top-k = %d, balance-loss = 0, z-loss = 0 }";
    String options = (SMALL + "experts = %d, " + router + ", " + more).formatted(experts, topK);
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = mossNet(options, ScalarType.Double);
        ForwardContext forward = ForwardContext.training()) {
      enlarge(mixer);
      RandomInput random = new RandomInput();
      Tensor x = random.values(2, TIME, WIDTH).set_requires_grad(true);
      Tensor direction = random.values(2, TIME, WIDTH);
      Tensor y = mixer.forward(x, forward);
      Backward.run(y.mul(direction).sum());

      Map<String, Tensor> copies = copies(mixer);
      Tensor x2 = x.detach().clone().set_requires_grad(true);
      Tensor expected = new DenseMossNet(copies, topK).forward(x2);
      Backward.run(expected.mul(direction).sum());

      assertClose(expected, y, "output");
      assertClose(x2.grad(), x.grad(), "gradient of the input");
      for (Parameter parameter : mixer.parameters().all()) {
        Tensor reference = requireNonNull(copies.get(name(parameter))).grad();
        assertClose(reference, parameter.working().grad(), parameter.name());
      }
      if (topK > 1) {
        Tensor learned = parameter(mixer, "router.weight").working().grad();
        assertTrue(Tensors.number(learned.abs().max()) > 1e-3, "the router learns from the output");
      }
    }
  }

  /** Sizes that one operator computes for all experts, in types that it knows. */
  @ParameterizedTest
  @CsvSource({"Float, 1e-5", "BFloat16, 2e-2"})
  void groupedProductsEqualTheDenseComputation(ScalarType type, double bound) {
    String options = SMALL + "dt-rank = 8, experts = 6, router { type = topk, top-k = 3 }";
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer = mossNet(options, type);
        ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      enlarge(mixer);
      Tensor x = new RandomInput().values(2, 40, WIDTH).to(type);
      Tensor y = mixer.forward(x, forward).to(ScalarType.Double);
      Tensor expected = new DenseMossNet(copies(mixer), 3).forward(x.to(ScalarType.Double));
      double error = Tensors.number(y.sub(expected).norm().div(expected.norm()));
      assertTrue(error < bound, "relative error " + error);
    }
  }

  @ParameterizedTest
  @CsvSource({"Double, 1e-14", "Float, 1e-6", "BFloat16, 0"})
  void ofOneExpertIsMamba(ScalarType type, double bound) {
    String options = SMALL + "dt-rank = 8, bias = true, bcdt-norm = true, ";
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixture =
            mossNet(options + "experts = 1, router { type = topk, top-k = 1 }", type);
        StandaloneComponent mamba = create("type = mamba, " + options, type);
        ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      enlarge(mixture);
      for (Parameter parameter : mamba.parameters().all()) {
        Tensor trained = parameter(mixture, name(parameter)).master();
        mamba.parameters().load(parameter.name(), trained.view(parameter.spec().sizes()));
      }
      Tensor x = new RandomInput().values(2, TIME, WIDTH).to(type);
      double[] expected = Tensors.numbers(mamba.forward(x, forward));
      assertArrayEquals(expected, Tensors.numbers(mixture.forward(x, forward)), bound);
      assertTrue(Math.abs(expected[0]) > 1e-3, "not next to zero: " + expected[0]);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "'topk, balance-loss = 1, z-loss = 0'",
    "'topk, balance-loss = 0, z-loss = 1'",
    "'chunk-topk, chunk = 3, balance-loss = 1, z-loss = 0'",
    "'chunk-topk, chunk = 3, balance-loss = 0, z-loss = 1'"
  })
  void theRouterLearnsFromItsLosses(String router) {
    try (PointerScope scope = new PointerScope();
        StandaloneComponent mixer =
            mossNet(SMALL + "experts = 4, router { type = " + router + " }", ScalarType.Double);
        ForwardContext forward = ForwardContext.training()) {
      mixer.forward(new RandomInput().values(2, TIME, WIDTH), forward);
      assertEquals(1, forward.losses().size(), "one decision for all projections");
      forward.losses().values().forEach(Backward::run);
      Tensor gradient = parameter(mixer, "router.weight").working().grad();
      assertTrue(Tensors.number(gradient.abs().max()) > 1e-6);
    }
  }

  @Test
  void costsWhatIsChosen() {
    try (StandaloneComponent mixer =
            mossNet("state = 4, experts = 8, router { top-k = 3, type = topk }", ScalarType.Float);
        StandaloneComponent mamba = create("type = mamba, state = 4", ScalarType.Float)) {
      int inner = 32;
      int selected = 1 + 2 * 4;
      double matrices = inner * (2 * WIDTH + selected + 1);
      double combined = 2 * 3 * (2 * inner + selected + inner);
      double router = 2 * WIDTH * 8;
      Cost plain = mamba.cost(Workload.sequence(10));
      Cost cost = mixer.cost(Workload.sequence(10));
      assertEquals(plain.flops() + 10 * (2 * 2 * matrices + combined + router), cost.flops());
      assertEquals(5 * matrices, cost.idleParameters());
      assertEquals(plain.state(), cost.state(), "a state as large as that of one");
      long more = elements(mixer) - elements(mamba);
      assertEquals(7 * matrices + WIDTH * 8, more, "one matrix of each projection per expert");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "experts = 0                                  | experts      | at least 1",
        "experts = 2, router { type = topk, top-k = 3 } | router.top-k | number of experts, 2",
        "experts = 1                                  | router.top-k | number of experts, 1",
        "router { type = mamba }                      | router.type  | unknown router type",
        "dt-min = 0.2                                 | dt-min       | dt-max (0.1)",
        "norm-groups = 2                              | norm-groups  | unknown key",
      })
  void refusesOptionsThatDoNotFit(String options, String blamed, String remedy) {
    ConfigException refused =
        assertThrows(ConfigException.class, () -> mossNet(options, ScalarType.Float).close());
    String message = String.valueOf(refused.getMessage());
    assertThat(message).contains(blamed + ":");
    assertThat(message).contains(remedy);
  }

  private static StandaloneComponent mossNet(String options, ScalarType type) {
    return create("type = mossnet, " + options, type);
  }

  private static StandaloneComponent create(String config, ScalarType type) {
    return new StandaloneComponent(
        Components.of(
            new MossNetFactory(),
            new MambaFactory(),
            new TopKRouterFactory(),
            new ChunkTopKRouterFactory()),
        Role.MIXER,
        ConfigFactory.parseString(config),
        WIDTH,
        WIDTH,
        new Placement(Devices.cpu(), type),
        1);
  }

  /** Matrices away from the small initial ones, which would make every output nearly zero. */
  private static void enlarge(StandaloneComponent mixer) {
    try (Grad off = Grad.off()) {
      for (Parameter parameter : mixer.parameters().all()) {
        if (parameter.name().contains("_proj.weight") && !parameter.name().contains("dt_proj")) {
          mixer.parameters().load(parameter.name(), Tensors.mul(parameter.master(), 2));
        }
      }
    }
  }

  private static long elements(StandaloneComponent mixer) {
    return mixer.parameters().all().stream().mapToLong(p -> p.spec().elements()).sum();
  }

  private static String name(Parameter parameter) {
    return parameter.name().substring(PREFIX.length());
  }

  private static Parameter parameter(StandaloneComponent mixer, String name) {
    return mixer.parameters().all().stream()
        .filter(p -> name(p).equals(name))
        .findAny()
        .orElseThrow();
  }

  /** The parameters as the mixer computes with them, in float64, as leaves. */
  private static Map<String, Tensor> copies(StandaloneComponent mixer) {
    return mixer.parameters().all().stream()
        .collect(Collectors.toMap(MossNetTest::name, MossNetTest::leaf));
  }

  private static Tensor leaf(Parameter parameter) {
    Tensor copy = parameter.working().detach().to(ScalarType.Double).clone();
    return copy.set_requires_grad(true);
  }

  private static void assertClose(Tensor expected, Tensor actual, String what) {
    double largest = Math.max(1, Tensors.number(expected.abs().max()));
    double error = Tensors.number(expected.sub(actual).abs().max());
    assertTrue(error < 1e-12 * largest, what + ": " + error);
  }
}
