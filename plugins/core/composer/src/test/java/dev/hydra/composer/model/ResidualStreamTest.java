package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.nn.GatedAddend;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(InScope.class)
class ResidualStreamTest {
  private static final double[] EVERYTHING = {1 + 10 + 0.5 * 2, 2 + 20 + 0.5 * 4};

  private final Tensor sum = Tensor.create(1.0, 2.0);
  private final Tensor addend = Tensor.create(10.0, 20.0);
  private final GatedAddend gated = new GatedAddend(Tensor.create(2.0, 4.0), Tensor.create(0.5), 1);

  @Test
  void whatIsStillToBeAddedIsAddedOnce() {
    ResidualStream stream = ResidualStream.of(sum, addend).with(gated);
    assertTrue(stream.addend().isEmpty(), "what a gate lets through comes behind the addend");
    assertEquals(1, stream.gated().size());
    assertArrayEquals(EVERYTHING, Tensors.numbers(stream.total()), 1e-12);
    ResidualStream added = ResidualStream.of(sum, addend).withoutAddend();
    assertTrue(added.addend().isEmpty());
    assertArrayEquals(new double[] {11, 22}, Tensors.numbers(added.sum()), 1e-12);
    assertEquals(stream, stream.withoutAddend(), "what gates let through still waits");
    ResidualStream ungated = stream.ungated();
    assertTrue(ungated.gated().isEmpty());
    assertArrayEquals(EVERYTHING, Tensors.numbers(ungated.total()), 1e-12);
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
  }
}
