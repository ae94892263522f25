package dev.hydra.composer.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.Init;
import dev.hydra.api.ParameterSpec;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.InScope;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(InScope.class)
class ParameterStoreTest {
  private static final ParameterSpec PAIR = ParameterSpec.of("pair", Init.ones(), 2);

  private static ParameterStore store(ScalarType compute) {
    return new ParameterStore(new Placement(Devices.cpu(), compute), 1);
  }

  private static Parameter only(ParameterStore store) {
    return store.all().iterator().next();
  }

  @Test
  void lendsTheSameTensorAgain() {
    try (ParameterStore store = store(ScalarType.Float)) {
      Tensor lent = store.borrow("a", PAIR);
      assertSame(lent, store.borrow("a", PAIR));
      assertEquals(1, store.all().size());
      assertEquals(
          "parameter a has shape [2], not [3]",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> store.borrow("a", ParameterSpec.of("a", Init.ones(), 3)))
              .getMessage());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Float", "Double", "BFloat16"})
  void valuesThatAreDrawnTogetherAreThoseDrawnOneByOne(ScalarType compute) {
    try (ParameterStore alone = store(compute);
        ParameterStore together = store(compute)) {
      together.later();
      for (ParameterStore each : List.of(alone, together)) {
        for (int i = 1; i < 20; i++) {
          ParameterSpec spec = ParameterSpec.of("n", Init.normal(1), i, 100L * i);
          each.borrow("normal" + i, i % 3 == 0 ? spec.inFp32() : spec);
          each.borrow("uniform" + i, ParameterSpec.of("u", Init.uniform(-1, 2), 50L * i));
        }
      }
      together.draw();
      for (Parameter parameter : alone.all()) {
        Parameter same = together.byName().get(parameter.name());
        assertTrue(parameter.master().equal(same.master()), parameter.name());
        assertTrue(parameter.working().equal(same.working()), parameter.name());
        assertEquals(parameter.working().requires_grad(), same.working().requires_grad());
      }
      Tensor more = together.borrow("more", PAIR);
      assertEquals(2, Tensors.number(more.sum()), "made now, drawn now");
    }
  }

  @Test
  void whatCannotBeInitialisedIsNamed() {
    ParameterSpec broken =
        ParameterSpec.of(
            "b",
            (value, random) -> {
              throw new ArithmeticException("too wide");
            },
            2);
    try (ParameterStore store = store(ScalarType.BFloat16)) {
      assertEquals(
          "parameter b cannot be initialised: too wide",
          assertThrows(IllegalStateException.class, () -> store.borrow("b", broken)).getMessage());
      store.later();
      store.borrow("a", PAIR);
      store.borrow("b", broken);
      assertEquals(
          "parameter b cannot be initialised: too wide",
          assertThrows(IllegalStateException.class, store::draw).getMessage());
    }
  }

  @Test
  void frozenParametersNeedNoGradient() {
    try (ParameterStore store = store(ScalarType.BFloat16)) {
      assertTrue(store.borrow("a", PAIR).requires_grad());
      assertFalse(store.borrow("b", PAIR.frozen()).requires_grad());
    }
  }

  @Test
  void workingCopiesFollowTheirMastersOnLoad() {
    try (ParameterStore store = store(ScalarType.BFloat16)) {
      Tensor lent = store.borrow("a", PAIR);
      store.load("a", Tensor.create(1.0 + 1e-4, -0.3));
      Parameter parameter = only(store);
      assertTrue(parameter.copied());
      assertEquals(ScalarType.Float, Tensors.type(parameter.master()));
      assertArrayEquals(
          new double[] {1.0001f, -0.3f}, Tensors.numbers(parameter.master()), "master");
      assertSame(lent, parameter.working());
      assertEquals(ScalarType.BFloat16, Tensors.type(lent));
      assertArrayEquals(new double[] {1, -0.30078125}, Tensors.numbers(lent), "working copy");
      assertTrue(lent.requires_grad() && lent.is_leaf());
    }
  }

  @Test
  void preciseParametersHaveNoCopy() {
    try (ParameterStore store = store(ScalarType.BFloat16)) {
      Tensor lent = store.borrow("a", PAIR.inFp32());
      assertEquals(ScalarType.Float, Tensors.type(lent));
      assertFalse(only(store).copied());
      assertSame(lent, only(store).master());
    }
  }

  @Test
  void loadsOnlyWhatFits() {
    try (ParameterStore store = store(ScalarType.Float)) {
      store.borrow("a", PAIR);
      assertEquals(
          "the model has no parameter b",
          assertThrows(
                  IllegalArgumentException.class, () -> store.load("b", Tensor.create(1.0, 2.0)))
              .getMessage());
      assertEquals(
          "parameter a has shape [2], the value [3]",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> store.load("a", Tensor.create(1.0, 2.0, 3.0)))
              .getMessage());
      assertArrayEquals(new double[] {1, 1}, Tensors.numbers(only(store).master()));
    }
  }
}
