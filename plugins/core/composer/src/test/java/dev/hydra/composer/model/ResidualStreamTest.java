package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.nn.GatedAddend;
import dev.hydra.libtorch.nn.TokenGatedAddend;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class ResidualStreamTest {
  private static final double[] EVERYTHING = {1 + 10 + 0.5 * 2, 2 + 20 + 0.5 * 4};

  private static final double[] HALF_MORE = {1 + 0.5 * 2 + 4, 2 + 0.5 * 4 + 8};

  private final Tensor sum = Tensor.create(1.0, 2.0);
  private final Tensor addend = Tensor.create(10.0, 20.0);
  private final GatedAddend gated = new GatedAddend(Tensor.create(2.0, 4.0), Tensor.create(0.5), 1);

  @Test
  void whatIsStillToBeAddedIsAddedOnce() {
    ResidualStream stream = ResidualStream.of(sum, addend).with(gated);
    assertTrue(stream.addend().isEmpty(), "what a gate lets through comes behind the addend");
    assertEquals(1, stream.gated().size());
    assertArrayEquals(EVERYTHING, Tensors.numbers(stream.total()), 1e-12);
    assertArrayEquals(new double[] {11, 22}, Tensors.numbers(stream.sum()), 1e-12);
    ResidualStream ungated = stream.ungated();
    assertTrue(ungated.gated().isEmpty());
    assertArrayEquals(EVERYTHING, Tensors.numbers(ungated.total()), 1e-12);
  }

  @Test
  void whatAGateOfEachTokenLetsThroughIsAddedLast() {
    List<Tensor> gates = new ArrayList<>();
    ResidualStream stream = ResidualStream.of(rows(sum)).with(rows(gated)).with(half(gates));
    assertTrue(stream.isGated());
    assertEquals(1, stream.gated().size(), "what gates of one number let through still waits");
    assertArrayEquals(HALF_MORE, Tensors.numbers(stream.total()), 1e-12);
    assertEquals(1, gates.size(), "its gates are told when they are computed");
    assertArrayEquals(HALF_MORE, Tensors.numbers(stream.ungated().sum()), 1e-12);
    ResidualStream more = stream.with(rows(gated));
    assertTrue(more.last().isEmpty(), "what comes after it has it added before");
    assertArrayEquals(HALF_MORE, Tensors.numbers(more.sum()), 1e-12);
    assertEquals(1, more.gated().size());
    ResidualStream two = stream.with(half(gates));
    assertArrayEquals(HALF_MORE, Tensors.numbers(two.sum()), 1e-12);
    assertTrue(two.last().isPresent());
    ResidualStream behind = ResidualStream.of(rows(sum), rows(addend)).with(half(gates));
    assertArrayEquals(new double[] {11, 22}, Tensors.numbers(behind.sum()), 1e-12);
  }

  /** Lets a half of 8 and 16 through. */
  private static TokenGatedAddend half(List<Tensor> gates) {
    Tensor none = Tensor.create(0.0, 0.0);
    return new TokenGatedAddend(
        rows(Tensor.create(5.0, 7.0)),
        rows(none),
        none.narrow(0, 0, 1),
        rows(Tensor.create(8.0, 16.0)),
        1,
        gates::add);
  }

  private static Tensor rows(Tensor numbers) {
    return numbers.view(1, -1);
  }

  private static GatedAddend rows(GatedAddend addend) {
    return new GatedAddend(rows(addend.y()), addend.gate(), addend.scale());
  }

  @Test
  void itOutlivesTheScopeThatItWasMadeIn() {
    ResidualStream stream =
        ResidualStream.keep(
            () ->
                ResidualStream.of(sum.clone())
                    .with(new GatedAddend(addend.clone(), gated.gate().clone(), 2))
                    .with(gated));
    assertEquals(2, stream.gated().size());
    assertArrayEquals(
        new double[] {1 + 10 + 1, 2 + 20 + 2}, Tensors.numbers(stream.total()), 1e-12);
    TokenGatedAddend weights = half(new ArrayList<>()); // they are the model's
    ResidualStream last =
        ResidualStream.keep(
            () ->
                ResidualStream.of(rows(sum).clone())
                    .with(rows(gated))
                    .with(
                        new TokenGatedAddend(
                            weights.x().clone(),
                            weights.weight(),
                            weights.bias(),
                            weights.value().clone(),
                            1,
                            gates -> {})));
    assertArrayEquals(HALF_MORE, Tensors.numbers(last.total()), 1e-12);
  }
}
