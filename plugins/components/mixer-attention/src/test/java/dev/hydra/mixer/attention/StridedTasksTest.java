package dev.hydra.mixer.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StridedTasksTest {
  private static final int TILE = 64;

  /** Every query that sees a key is in a task of its tile, and there are not many tasks. */
  @ParameterizedTest
  @CsvSource({
    // window, every, globals, time, sequences
    "256, 64, 64, 8192, 12",
    "1024, 128, 64, 8192, 32",
    "1024, 128, 64, 131072, 32",
    "64, 16, 8, 3000, 6",
    "7, 1, 5, 400, 4",
    "128, 64, 0, 700, 4",
    "16, 5, 100, 2001, 500"
  })
  void haveAllWhoSeeTheirKeys(int window, int every, int globals, int time, int sequences) {
    SparsePattern pattern = new SparsePattern(window, every, globals);
    StridedTasks tasks = StridedTasks.of(pattern, time, sequences, false);
    int tiles = (tasks.keys() + TILE - 1) / TILE;
    assertFew(tasks, sequences);
    assertEquals(1, tasks.firsts());
    for (int t = window; t < time; t++) {
      long newest = pattern.newest(t);
      assertTrue(globals == 0 || newest < tasks.keys());
      assertTrue((t - window) / tasks.span() < tasks.ofFirst());
      for (int tile = 1; tile < tiles; tile++) {
        boolean sees = newest >= tile * 64L && newest - globals < tile * 64L + 63;
        long place = t - window - tile * 64L * every;
        assertTrue(!sees || (place >= 0 && place / tasks.span() < tasks.ofOther()), "query " + t);
      }
    }
  }

  /** Keys of documents have a place each, wherever these begin, and tasks have who sees them. */
  @ParameterizedTest
  @CsvSource({
    // window, every, globals, time, sequences
    "256, 64, 64, 8192, 12",
    "64, 16, 8, 3000, 6",
    "63, 1, 5, 1400, 4",
    "128, 64, 0, 1700, 4",
    "64, 200, 3, 9001, 4",
    "63, 64, 1, 20001, 1",
    "100, 37, 20, 4001, 500"
  })
  void haveAllOfDocumentsWhoSeeTheirKeys(
      int window, int every, int globals, int time, int sequences) {
    SparsePattern pattern = new SparsePattern(window, every, globals);
    StridedTasks tasks = StridedTasks.of(pattern, time, sequences, true);
    assertFew(tasks, sequences);
    for (int kind = 1; kind <= 8; kind++) {
      SplittableRandom random = new SplittableRandom(kind);
      Map<Integer, Long> keyOf = new HashMap<>();
      for (int start = 0, end; start < time; start = end) {
        end = Math.min(time, start + 1 + random.nextInt(kind * (window + every)));
        for (int t = start + window; t < end; t++) {
          long newest = pattern.newest(t - start);
          assertHas(tasks, pattern, start, start, t, keyOf);
          for (long j = Math.max(1, newest - globals + 1); j <= newest; j++) {
            assertHas(tasks, pattern, start, start + j * every, t, keyOf);
          }
        }
      }
    }
  }

  private static void assertHas(
      StridedTasks tasks,
      SparsePattern pattern,
      int start,
      long key,
      int query,
      Map<Integer, Long> keyOf) {
    int place = place(tasks, pattern, start, key);
    assertEquals(key, keyOf.computeIfAbsent(place, none -> key), "two keys in a place");
    assertInTask(tasks, pattern, place, query);
  }

  private static int place(StridedTasks tasks, SparsePattern pattern, int start, long key) {
    if (key == start) {
      return start / (pattern.window() + 1);
    }
    return tasks.firsts() - 1 + (int) (key / pattern.every());
  }

  private static void assertInTask(StridedTasks tasks, SparsePattern pattern, int place, int t) {
    assertTrue(place < tasks.keys(), "there are places for all keys");
    int tile = place / TILE;
    boolean whole = tile * TILE < tasks.firsts();
    long seen = whole ? 0 : (long) (tile * TILE - tasks.firsts() + 1) * pattern.every();
    long query = t - pattern.window() - seen;
    int most = whole ? tasks.ofFirst() : tasks.ofOther();
    assertTrue(query >= 0 && query / tasks.span() < most, "query " + t);
  }

  private static void assertFew(StridedTasks tasks, int sequences) {
    assertTrue(tasks.count() * sequences <= 1024 || tasks.span() == 256 || tasks.ofFirst() == 1);
  }
}
