package dev.hydra.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class HandlesTest {
  @Test
  void whatTheScopeFreesIsNoLeak() {
    Handles.assertFlat(() -> torch.ones(3).add(torch.ones(3)));
  }

  @Test
  void keptHandlesAreFound() {
    List<Tensor> kept = new ArrayList<>();
    assertLeak(() -> kept.add(owned()));
    kept.forEach(Pointer::close);
  }

  /** What is dropped on the way is found, even if the collector frees it before the end. */
  @Test
  void droppedHandlesAreFoundThoughTheyAreCollected() {
    assertLeak(
        () -> {
          owned();
          if (Pointer.totalCount() % 10 == 0) {
            Garbage.collect(Pointer::totalCount);
          }
        });
  }

  /** What was dropped earlier is not there to make up for a leak. */
  @Test
  void garbageOfEarlierTestsHidesNothing() {
    for (int i = 0; i < 100; i++) {
      owned();
    }
    List<Tensor> kept = new ArrayList<>();
    assertLeak(
        () -> {
          kept.add(owned());
          System.gc();
        });
    kept.forEach(Pointer::close);
  }

  /** A cache that is filled on the first occasion, however late, is not a leak. */
  @Test
  void whatIsKeptOnceIsNoLeak() {
    List<Tensor> kept = new ArrayList<>();
    int[] calls = new int[1];
    Handles.assertFlat(
        () -> {
          if (++calls[0] == 10) {
            kept.add(owned());
          }
        });
    kept.forEach(Pointer::close);
  }

  @Test
  void missingSamplesAreFound() {
    Handles handles = Handles.count();
    handles.sample();
    AssertionError missing = assertThrows(AssertionError.class, () -> handles.assertFlat(2));
    assertEquals(
        "samples of the number of live handles ==> expected: <2> but was: <1>",
        missing.getMessage());
  }

  @Test
  void whatIsLeftAfterACollectionIsFound() {
    Handles handles = Handles.count();
    try (LongPointer kept = new LongPointer(1)) {
      handles.sampleCollected();
    }
    assertThrows(AssertionError.class, () -> handles.assertFlat(1));
  }

  @Test
  void countsInAScopeToo() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.ones(2);
      Handles.assertFlat(10, () -> x.add(x));
      assertLeak(HandlesTest::owned);
      Handles.assertFlat(10, HandlesTest::borrowed);
      assertThrows(
          AssertionError.class, () -> Handles.assertFreesItself(10, HandlesTest::borrowed));
    }
  }

  /** Left to the scope round the call. */
  private static void borrowed() {
    torch.ones(1);
  }

  private static Tensor owned() {
    Tensor tensor = torch.ones(1);
    tensor.retainReference();
    return tensor;
  }

  private static void assertLeak(Runnable step) {
    assertThrows(AssertionError.class, () -> Handles.assertFlat(20, step));
  }
}
