package dev.hydra.libtorch.autograd;

import static dev.hydra.testing.Samples.assertClose;
import static dev.hydra.testing.Samples.parameter;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.runtime.Scopes;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.testing.Garbage;
import dev.hydra.testing.Handles;
import dev.hydra.testing.InScope;
import dev.hydra.testing.RetainedGraph;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** How long custom functions, and what they save, stay in memory. */
@ExtendWith(InScope.class)
class CustomFunctionLifetimeTest {
  private final CustomFunction product = new Functions.Product();

  @AfterAll
  static void everyCallWasFreed() {
    assertEquals(0, LiveCalls.count());
  }

  @Test
  void retainedGraphRunsAgain() {
    Tensor x = parameter(3, 4);
    Tensor y = parameter(3, 4);
    Tensor loss = product.apply(x, y)[0].sum();
    RetainedGraph.backward(loss);
    RetainedGraph.backward(loss);
    assertClose(Tensors.mul(y, 2), x.grad());
    assertEquals(1, LiveCalls.count());
    Backward.run(loss);
    assertClose(Tensors.mul(y, 3), x.grad());
    assertEquals(0, LiveCalls.count());
  }

  @Test
  void garbageCollectionBeforeBackwardDoesNoHarm() {
    Tensor x = parameter(3, 4);
    Tensor y = parameter(3, 4);
    Tensor twice = Scopes.keep(() -> product.apply(product.apply(x, y)[0], y)[0]);
    Garbage.collect(LiveCalls::count);
    assertEquals(2, LiveCalls.count());
    Backward.run(twice.sum());
    assertClose(y.mul(y), x.grad());
  }

  @Test
  void droppedGraphFreesItsCalls() {
    Tensor x = parameter(3);
    try (PointerScope scope = new PointerScope()) {
      for (int i = 0; i < 10; i++) {
        product.apply(x, x);
      }
      new Functions.LinearSilu().apply(parameter(5, 3), parameter(4, 3), parameter(4));
      assertEquals(11, LiveCalls.count());
    }
    assertEquals(0, LiveCalls.count());
  }

  @Test
  void backwardFreesTheGraphOfManyInputs() {
    Tensor loss =
        new Functions.LinearSilu().apply(parameter(5, 3), parameter(4, 3), parameter(4))[0].sum();
    assertEquals(1, LiveCalls.count());
    Backward.run(loss);
    assertEquals(0, LiveCalls.count());
  }

  @Test
  void liveHandlesStayFlat() {
    Tensor x = parameter(3, 4);
    Tensor y = parameter(3, 4);
    Runnable step =
        () -> {
          Tensor[] outputs = new Functions.ProductAndExp().apply(x, product.apply(x, y)[0]);
          Backward.run(outputs[0].sum().add(outputs[1].sum()));
        };
    Handles.assertFlat(step);
  }

  @Test
  void twoThreads() throws Exception {
    Callable<Boolean> work =
        () -> {
          for (int i = 0; i < 500; i++) {
            try (PointerScope scope = new PointerScope()) {
              Tensor x = parameter(3, 4);
              Tensor y = parameter(3, 4);
              Backward.run(product.apply(product.apply(x, y)[0], y)[0].sum());
              assertClose(y.mul(y), x.grad());
            }
          }
          return true;
        };
    ExecutorService threads = Executors.newFixedThreadPool(2);
    try {
      List<Future<Boolean>> results = new ArrayList<>(threads.invokeAll(List.of(work, work)));
      for (Future<Boolean> result : results) {
        result.get();
      }
    } finally {
      threads.shutdown();
    }
  }
}
