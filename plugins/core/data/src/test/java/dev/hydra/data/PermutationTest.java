package dev.hydra.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PermutationTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 16, 17, 1000, 4096, 4097, 100_003})
  void takesEveryElementOnce(int size) {
    for (long key = -2; key <= 2; key++) {
      Permutation permutation = new Permutation(size, key);
      BitSet seen = new BitSet();
      for (int i = 0; i < size; i++) {
        seen.set((int) permutation.at(i));
      }
      assertEquals(size, seen.cardinality());
      assertEquals(size, seen.length());
    }
  }

  @Test
  void allOrdersOfAFewElementsAreAboutAsLikely() {
    Map<String, Integer> counts = new HashMap<>();
    int keys = 24_000;
    for (long key = 0; key < keys; key++) {
      Permutation permutation = new Permutation(4, Permutation.mix(key));
      String order =
          "" + permutation.at(0) + permutation.at(1) + permutation.at(2) + permutation.at(3);
      counts.merge(order, 1, Integer::sum);
    }
    assertEquals(24, counts.size());
    counts.forEach((order, count) -> assertEquals(keys / 24.0, count, keys / 240.0, order));
  }
}
