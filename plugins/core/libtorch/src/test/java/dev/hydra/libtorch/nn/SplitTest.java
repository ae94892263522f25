package dev.hydra.libtorch.nn;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.normal;
import static dev.hydra.testing.Samples.parameter;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.autograd.CustomFunction;
import dev.hydra.libtorch.autograd.Functions;
import dev.hydra.libtorch.autograd.LiveCalls;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.FiniteDifferences;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RetainedGraph;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class SplitTest {
  @AfterEach
  void everyCallWasFreed() {
    assertEquals(0, LiveCalls.count());
    assertEquals(0, Split.waiting());
  }

  /** x^2, whose gradient is written where there is room for it. */
  private static final class Square extends CustomFunction {
    @Override
    protected Tensor[] forward(Context context, Tensor... inputs) {
      context.save(inputs[0]);
      return new Tensor[] {inputs[0].mul(inputs[0])};
    }

    @Override
    protected void backward(Context context, Gradients gradients) {
      Tensor x = context.saved(0);
      Tensor dx = Split.room(x);
      dx.copy_(Tensors.mul(x.mul(gradients.of(0)), 2));
      gradients.give(0, dx);
    }
  }

  private static Tensor square(Tensor x) {
    return new Square().apply(x)[0];
  }

  /** What passes gradients on as they arrive, and remembers where the last one was. */
  private static final class Seen {
    private final CustomFunction function =
        Functions.unary(
            UnaryOperator.identity(),
            gradients -> {
              address = Tensors.address(gradients.of(0));
              gradients.give(0, gradients.of(0));
            });
    private long address;

    Tensor apply(Tensor x) {
      return function.apply(x)[0];
    }
  }

  @Test
  void partsAreViews() {
    Tensor whole = normal(2, 3, 9);
    Tensor[] parts = Split.of(whole, 2, 0, 4);
    assertClose(whole.narrow(2, 0, 2), parts[0]);
    assertEquals(0, parts[1].numel());
    assertClose(whole.narrow(2, 2, 4), parts[2]);
    assertEquals(Tensors.address(whole), Tensors.address(parts[0]));
  }

  @Test
  void operatorsThatKnowNothingOfItHaveTheirGradientsCopied() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor[] parts = Split.of(x[0], 2, 3);
          return new Tensor[] {parts[0].exp(), parts[1].mul(parts[1])};
        },
        parameter(2, 3, 5));
  }

  @Test
  void whatIsLeftAndWhatIsNotReadHaveGradientsOfZero() {
    FiniteDifferences.checkFunction(
        x -> new Tensor[] {Split.of(x[0], 2, 3, 1)[1].exp()}, parameter(3, 8));
    FiniteDifferences.checkFunction(
        x -> new Tensor[] {square(Split.of(x[0], 2, 3, 1)[1])}, parameter(3, 8));
  }

  @Test
  void gradientsAreWrittenWhereTheyBelong() {
    Tensor leaf = parameter(2, 3, 8);
    Seen whole = new Seen();
    Seen second = new Seen();
    Tensor[] parts = Split.of(whole.apply(leaf), 3, 4);
    Tensor loss = square(parts[0]).sum();
    loss.add(square(second.apply(parts[1]).unflatten(-1, 2, 2)).sum()).backward();
    assertEquals(whole.address + 3 * Double.BYTES, second.address);
    assertClose(
        Tensors.cat(-1, Tensors.mul(leaf.narrow(2, 0, 7), 2), Tensors.zeros(leaf, 2, 3, 1)),
        leaf.grad());
  }

  @Test
  void readersOfOnePartAreSummed() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor[] parts = Split.of(x[0], 2, 3);
          // Backward goes from the last to the first.
          return new Tensor[] {
            parts[0].exp(), square(parts[0]), square(parts[0]), square(parts[1]), parts[1].exp()
          };
        },
        parameter(3, 5));
  }

  @Test
  void roomThatIsTakenForNothingDoesNoHarm() {
    Tensor leaf = parameter(1, 5); // of one row, so that LibTorch keeps gradients where they are
    Tensor[] parts = Split.of(leaf, 2, 3);
    Tensor elsewhere = parts[0].detach().set_requires_grad(true);
    Tensor loss = square(parts[0]).sum().add(square(parts[1]).sum());
    loss.add(Tensors.mul(square(elsewhere), 3).sum()).backward(); // elsewhere comes first
    assertClose(Tensors.mul(leaf, 2), leaf.grad());
    assertClose(Tensors.mul(elsewhere, 6), elsewhere.grad());
  }

  @Test
  void splitsOfOneTensorAndOfPartsAreApart() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor y = x[0].exp();
          Tensor[] outer = Split.of(y, 2, 3);
          Tensor[] again = Split.of(y, 2, 3);
          Tensor[] inner = Split.of(outer[1], 1, 2);
          return new Tensor[] {
            square(again[0]), square(outer[0]), square(inner[0]), square(inner[1]), square(again[1])
          };
        },
        parameter(3, 5));
  }

  @Test
  void whatIsNotContiguousIsSplitToo() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor[] parts = Split.of(x[0].transpose(0, 1), 2, 3);
          return new Tensor[] {square(parts[0]), square(parts[1])};
        },
        parameter(4, 2, 5));
  }

  @Test
  void partsThatAreReadTransposedAreRightToo() {
    FiniteDifferences.checkFunction(
        x -> {
          Tensor[] parts = Split.of(x[0], 2, 3);
          return new Tensor[] {square(parts[0].transpose(0, 1)), square(parts[1].t())};
        },
        parameter(4, 5));
  }

  @Test
  void aGraphThatIsRetainedGivesItsGradientsAgain() {
    Tensor leaf = parameter(3, 5);
    Seen whole = new Seen();
    Tensor[] parts = Split.of(whole.apply(leaf), 2, 3);
    Tensor loss = square(parts[0]).sum().add(square(parts[1]).sum());
    RetainedGraph.assertGivesGradientsAgain(loss, leaf, Tensors.mul(leaf, 2));
  }

  @Test
  void nothingWaitsWhereNoGradientsAreNeeded() {
    Tensor[] parts = Split.of(normal(2, 5), 2, 3);
    assertEquals(0, Split.waiting());
    assertFalse(parts[0].requires_grad());
    CustomFunction.inlined(
        () -> {
          assertTrue(Split.of(parameter(2, 5), 2, 3)[0].requires_grad());
          assertEquals(0, Split.waiting());
        });
  }

  @Test
  void nothingMayBeSplitToo() {
    Tensor leaf = parameter(0, 5);
    Tensor[] parts = Split.of(leaf, 2, 3);
    square(parts[0]).sum().add(square(parts[1]).sum()).backward();
    assertEquals(0, leaf.grad().numel());
  }

  @Test
  void partsLargerThanTheWholeAreRefused() {
    Tensor whole = normal(2, 5);
    String message =
        assertThrows(IllegalArgumentException.class, () -> Split.of(whole, 4, 2)).getMessage();
    assertEquals("parts of [4, 2] are 6 together, but there are 5 to split", message);
  }
}
