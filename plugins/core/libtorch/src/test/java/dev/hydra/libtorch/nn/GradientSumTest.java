package dev.hydra.libtorch.nn;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.normal;
import static dev.hydra.testing.Samples.parameter;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.autograd.Functions;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.autograd.LiveCalls;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RandomInput;
import dev.hydra.testing.RetainedGraph;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class GradientSumTest {
  /** Where readers wrote, and whether they added. */
  private final List<Long> places = new ArrayList<>();

  private final List<Boolean> added = new ArrayList<>();

  @AfterEach
  void everyCallWasFreed() {
    assertEquals(0, LiveCalls.count());
    assertEquals(0, GradientSum.waiting());
  }

  /** x^2, which takes part. */
  private final class Square extends CustomFunction {
    private final Optional<GradientSum> shared;

    Square(Tensor x) {
      shared = GradientSum.behind(x);
    }

    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      context.save(inputs[0]);
      return new Tensor[] {inputs[0].mul(inputs[0])};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      Tensor x = context.saved(0);
      GradientSum.Room dx = GradientSum.room(shared, x);
      Tensor own = Tensors.mul(x.mul(gradients.of(0)), 2);
      if (dx.adds()) {
        dx.tensor().add_(own);
      } else {
        dx.tensor().copy_(own);
      }
      places.add(Tensors.address(dx.tensor()));
      added.add(dx.adds());
      dx.give(gradients, 0);
    }
  }

  private Tensor square(Tensor x) {
    return new Square(x).apply(x)[0];
  }

  @Test
  void readersAddToOneGradient() {
    Tensor leaf = parameter(2, 3);
    Tensor shared =
        GradientSum.shared(
            Functions.unary(
                    UnaryOperator.identity(),
                    gradients -> {
                      places.add(Tensors.address(gradients.of(0)));
                      gradients.give(0, gradients.of(0));
                    })
                .apply(leaf)[0]);
    square(shared).add(square(shared)).add(square(shared.view(3, 2)).view(2, 3)).sum().backward();
    assertClose(Tensors.mul(leaf, 6), leaf.grad());
    assertThat(added).containsExactly(false, true, true);
    assertThat(places).hasSize(4).containsOnly(places.get(0));
  }

  @Test
  void operatorsThatKnowNothingOfItHaveTheirGradientsAdded() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor y = GradientSum.shared(x[0].exp());
          return new Tensor[] {
            y.sin(), square(y), square(y.unsqueeze(0)).squeeze(), y.cos(), square(y.flatten())
          };
        },
        parameter(3, 5));
    FiniteDifferences.checkFunction(
        x -> new Tensor[] {GradientSum.shared(x[0]).sin()}, parameter(3, 5));
  }

  @Test
  void whatIsNotAllOfItHasAGradientOfItsOwn() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor y = GradientSum.shared(x[0].exp());
          return new Tensor[] {
            square(y.narrow(0, 0, 1)), square(y.t()), square(y.expand(2, -1, -1)), square(y)
          };
        },
        parameter(3, 5));
    assertThat(added).doesNotContain(true);
  }

  @Test
  void copiesAndWhatIsNotRecordedDoNotCount() {
    Tensor shared = GradientSum.shared(parameter(3, 5));
    assertTrue(GradientSum.behind(shared).isPresent());
    assertTrue(GradientSum.behind(shared.view(15)).isPresent());
    Tensor copy = shared.detach().set_requires_grad(true);
    assertTrue(GradientSum.behind(copy).isEmpty(), "a copy");
    assertTrue(GradientSum.behind(copy.view(15)).isEmpty(), "a view of a copy");
    assertTrue(GradientSum.behind(shared.exp()).isEmpty(), "what is computed of it");
    assertTrue(GradientSum.behind(normal(3, 5)).isEmpty(), "another");
    try (Grad off = Grad.off()) {
      assertTrue(GradientSum.behind(shared).isEmpty(), "not recorded");
    }
  }

  @Test
  void sharedTensorsAreApart() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor y = GradientSum.shared(x[0].exp());
          Tensor z = GradientSum.shared(y);
          return new Tensor[] {square(y), square(z), square(y), square(z), z.sin()};
        },
        parameter(3, 5));
  }

  @Test
  void aGraphThatIsRetainedGivesItsGradientsAgain() {
    Tensor leaf = parameter(3, 5);
    Tensor shared = GradientSum.shared(leaf);
    Tensor loss = square(shared).sum().add(square(shared).sum());
    RetainedGraph.assertGivesGradientsAgain(loss, leaf, Tensors.mul(leaf, 4));
  }

  @Test
  void aLeafIsHandedTheSumItself() {
    Tensor leaf = parameter(3, 5);
    Tensor shared = GradientSum.shared(leaf);
    square(shared).add(square(shared)).sum().backward();
    assertClose(Tensors.mul(leaf, 4), leaf.grad());
    assertThat(places).containsOnly(Tensors.address(leaf.grad()));
  }

  @Test
  void whatNobodyReadsHasNoGradient() {
    Tensor leaf = parameter(3, 5);
    Tensor shared = GradientSum.shared(leaf);
    Tensor unused = square(shared);
    leaf.sin().sum().backward();
    assertClose(leaf.cos(), leaf.grad());
    assertTrue(unused.requires_grad());
    assertTrue(added.isEmpty());
  }

  @Test
  void onTheCpuAndWithoutGradientNothingIsShared() {
    Tensor leaf = parameter(3, 5);
    assertTrue(GradientSum.of(leaf).is_same(leaf));
  }

  @Test
  void mapsAddToIt() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor y = GradientSum.shared(x[0].exp());
          Linear first = new Linear(x[1], Optional.empty());
          Linear second = new Linear(x[2], Optional.empty());
          Tensor one = SharedInput.applyAll(y, first)[0];
          Tensor squared = square(y);
          Tensor[] two = SharedInput.applyAll(y.view(6, 5), second, first);
          return new Tensor[] {one, squared, two[0], two[1], y.sin()};
        },
        parameter(2, 3, 5),
        parameter(4, 5),
        parameter(7, 5));
    assertThat(added).contains(true);
  }

  @Test
  @Tag("cuda")
  @EnabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void kernelsAndProductsAddToIt() {
    RandomInput random = new RandomInput();
    int width = 64;
    for (boolean last : new boolean[] {true, false}) {
      Twins twins =
          new Twins()
              .element("x", random.values(2, 24, width))
              .element("the value", random.values(2, 24, width))
              .element("the map", random.values(40, width))
              .weight("the weight", Tensors.mul(random.values(1, width), 1 / Math.sqrt(width)))
              .weight("the bias", random.values(1));
      for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
        twins.check(
            in -> read(in, GradientSum.of(in.get("x")), last),
            in -> read(in, in.get("x"), last),
            type,
            type);
      }
    }
  }

  /** Readers of x in an order in which each of them adds to others. */
  private static Map<String, Tensor> read(Map<String, Tensor> in, Tensor x, boolean last) {
    Map<String, Tensor> found = new TreeMap<>();
    found.put("the product", new Linear(in.get("the map"), Optional.empty()).apply(x));
    if (!last) {
      found.put("what a gate lets through", gated(in, x));
    }
    Tensor chosen = Tensors.range(0, 24, x).to(ScalarType.Long).view(12, 2);
    ExpertDispatch dispatch = ExpertDispatch.of(chosen.remainder(new Scalar(5)), 5, 4);
    found.put("rows of experts", dispatch.spread(x.reshape(48, -1)));
    if (last) {
      found.put("what a gate lets through", gated(in, x));
    }
    return found;
  }

  private static Tensor gated(Map<String, Tensor> in, Tensor x) {
    Tensor weight = in.get("the weight");
    Tensor bias = in.get("the bias");
    return FusedTokenGate.compute(x, weight, bias, in.get("the value"), 1, null, List.of())
        .map(FusedTokenGate.Gated::values)
        .orElseGet(() -> Tensors.linear(x, weight, bias).sigmoid().mul(in.get("the value")));
  }
}
