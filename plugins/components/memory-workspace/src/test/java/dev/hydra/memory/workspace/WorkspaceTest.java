package dev.hydra.memory.workspace;

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
import dev.hydra.composer.model.ModelState;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.model.StandaloneComponent;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import dev.hydra.testing.InScope;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class WorkspaceTest {
  private static final int WIDTH = 6;
  private static final String SMALL = "slots = 3, dim = 4, heads = 2, chunk = 4";

  @Test
  void computesItsEquations() {
    double[][] x = input(11);
    try (StandaloneComponent workspace = moved(SMALL)) {
      Map<String, double[]> weights = new HashMap<>();
      for (Parameter parameter : workspace.parameters().all()) {
        weights.put(
            parameter.name().substring("component.".length()),
            Tensors.numbers(parameter.working()));
      }
      double[][] expected = new WorkspaceReference(weights, WIDTH, 3, 4, 2, 4).run(x);
      assertRows(expected, run(workspace, x), 0, 11);
    }
  }

  @Test
  void writesReachTheNextChunkAndNoTokenOfTheirOwn() {
    double[][] x = input(12);
    double[][] changed = input(12);
    changed[5][0] += 1;
    try (StandaloneComponent workspace = moved(SMALL)) {
      double[][] before = run(workspace, x);
      double[][] after = run(workspace, changed);
      assertRows(before, after, 0, 5);
      assertRows(before, after, 6, 8);
      for (int t = 8; t < 12; t++) {
        assertTrue(distance(before[t], after[t]) > 1e-6, "token " + t + " sees the write");
      }
    }
  }

  @Test
  void gradientReachesBackThroughManyWrites() {
    try (StandaloneComponent workspace = moved(SMALL)) {
      Tensor leaf = tensor(input(40)).set_requires_grad(true);
      Supplier<Tensor> objective =
          () -> {
            try (ForwardContext forward = ForwardContext.training()) {
              return lastSum(workspace.forward(leaf, forward));
            }
          };
      objective.get().backward();
      double gradient = Tensors.numbers(leaf.grad())[0];
      assertTrue(Math.abs(gradient) > 1e-5, "nine writes later the gradient is " + gradient);
      double slope = FiniteDifferences.slope(leaf, 0, objective);
      assertEquals(slope, gradient, 1e-3 * Math.abs(gradient));
    }
  }

  @Test
  void tokensOfAnIncompleteFirstChunkReadTheInitialSlots() {
    double[][] x = input(3);
    try (StandaloneComponent workspace = moved(SMALL)) {
      double[][] together = run(workspace, x);
      for (int t = 0; t < 3; t++) {
        double[][] alone = run(workspace, new double[][] {x[t]});
        assertArrayEquals(alone[0], together[t], 1e-12);
      }
    }
  }

  @Test
  void reportsTheGatesOfANewModel() {
    try (StandaloneComponent workspace = fresh(SMALL);
        ForwardContext forward = ForwardContext.evaluation().observing()) {
      workspace.forward(tensor(input(8)), forward);
      assertEquals(1 / (1 + Math.E), observed(forward, "read-gate"), 1e-12);
      assertEquals((1 / 2.0 + 1 / 8.0 + 1 / 32.0) / 3, observed(forward, "write-gate"), 1e-6);
    }
  }

  @Test
  void reportsNoWriteGateWhereNothingIsWritten() {
    try (StandaloneComponent workspace = fresh(SMALL);
        ForwardContext forward = ForwardContext.evaluation().observing()) {
      workspace.forward(tensor(input(3)), forward);
      assertThat(forward.observations()).doesNotContainKey("component.write-gate");
    }
  }

  @Test
  void refusesHeadsThatDoNotDivide() {
    ConfigException refused =
        assertThrows(ConfigException.class, () -> fresh("dim = 10, heads = 4"));
    assertThat(refused.toString()).contains("try heads = 2");
  }

  @Test
  void countsWork() {
    try (StandaloneComponent workspace = fresh("slots = 2, dim = 4, heads = 2, chunk = 4")) {
      Cost cost = workspace.cost(Workload.sequence(8));
      double write = 2 * 8 * WIDTH * (4 + 4) + 2 * 2 * 8 * 4 + 2 * 2 * 8;
      double recurrence = 2 * 6 * 8;
      double read = 2 * 8 * WIDTH * 5 + 2 * 4 * 4 * 4 + 8 * 4 * 8 + 2 * 8 * 4 * WIDTH;
      assertEquals(write + recurrence + read, cost.flops());
      assertEquals(0, cost.idleParameters());
    }
  }

  @Test
  void countsTheStateThatItHolds() {
    try (StandaloneComponent workspace = fresh(SMALL);
        ModelState state = new ModelState()) {
      for (int tokens : new int[] {3, 4, 4}) {
        try (ForwardContext forward = ForwardContext.evaluation().with(state);
            Grad off = Grad.off()) {
          workspace.forward(tensor(input(tokens)), forward);
        }
      }
      double counted = workspace.cost(new Workload(4, 7)).state();
      assertEquals(counted, state.bytes() / (double) Double.BYTES);
    }
  }

  private static StandaloneComponent fresh(String options) {
    return new StandaloneComponent(
        Components.of(new WorkspaceFactory()),
        Role.MEMORY,
        ConfigFactory.parseString("type = workspace\n" + options),
        WIDTH,
        WIDTH,
        new Placement(Devices.cpu(), ScalarType.Double),
        1);
  }

  /** With weights away from their initialisation, which is zero for some. */
  private static StandaloneComponent moved(String options) {
    StandaloneComponent workspace = fresh(options);
    Random random = new Random(7);
    try (Grad off = Grad.off()) {
      for (Parameter parameter : workspace.parameters().all()) {
        double[] noise = random.doubles(parameter.spec().elements(), -0.3, 0.3).toArray();
        workspace
            .parameters()
            .load(
                parameter.name(),
                parameter.master().add(Tensor.create(noise, parameter.spec().sizes())));
      }
    }
    return workspace;
  }

  private static double[][] input(int time) {
    Random random = new Random(3);
    return IntStream.range(0, time)
        .mapToObj(t -> random.doubles(WIDTH, -2, 2).toArray())
        .toArray(double[][]::new);
  }

  private static Tensor tensor(double[][] x) {
    double[] flat = Arrays.stream(x).flatMapToDouble(Arrays::stream).toArray();
    return Tensor.create(flat, 1, x.length, WIDTH);
  }

  private static double[][] run(StandaloneComponent workspace, double[][] x) {
    try (ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      double[] y = Tensors.numbers(workspace.forward(tensor(x), forward));
      return IntStream.range(0, x.length)
          .mapToObj(t -> Arrays.copyOfRange(y, t * WIDTH, (t + 1) * WIDTH))
          .toArray(double[][]::new);
    }
  }

  private static double observed(ForwardContext forward, String name) {
    return Tensors.number(
        Objects.requireNonNull(forward.observations().get("component." + name), name));
  }

  private static Tensor lastSum(Tensor y) {
    return Tensors.slice(y, 1, y.size(1) - 1, y.size(1)).sum();
  }

  private static double distance(double[] a, double[] b) {
    return IntStream.range(0, a.length).mapToDouble(i -> Math.abs(a[i] - b[i])).max().orElse(0);
  }

  private static void assertRows(double[][] expected, double[][] actual, int from, int to) {
    for (int t = from; t < to; t++) {
      assertArrayEquals(expected[t], actual[t], 1e-12, "token " + t);
    }
  }
}
