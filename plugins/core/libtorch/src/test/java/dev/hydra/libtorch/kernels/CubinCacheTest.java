package dev.hydra.libtorch.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CubinCacheTest {
  private static final byte[] CUBIN = {1, 2, 3, 4, 5};
  private static final String KEY = CubinCache.key(List.of("source", "-Doption"));

  @TempDir private Path folder;

  private final AtomicInteger compiled = new AtomicInteger();

  private byte[] get(Path from) {
    return new CubinCache(from)
        .get(
            KEY,
            () -> {
              compiled.incrementAndGet();
              return CUBIN;
            });
  }

  private Path entry() {
    return folder.resolve(KEY + ".cubin");
  }

  @Test
  void compilesOnce() {
    Path deep = folder.resolve("a/b");
    assertArrayEquals(CUBIN, get(deep));
    assertArrayEquals(CUBIN, get(deep));
    assertEquals(1, compiled.get());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 10, 32, 36})
  void anEntryThatIsCutOffIsMadeAgain(int length) throws IOException {
    get(folder);
    byte[] whole = Files.readAllBytes(entry());
    Files.write(entry(), Arrays.copyOf(whole, length));
    assertArrayEquals(CUBIN, get(folder));
    assertEquals(2, compiled.get());
    assertArrayEquals(whole, Files.readAllBytes(entry()));
  }

  @Test
  void anEntryWithAWrongByteIsMadeAgain() throws IOException {
    get(folder);
    byte[] whole = Files.readAllBytes(entry());
    byte[] damaged = whole.clone();
    damaged[damaged.length - 1] ^= 1;
    Files.write(entry(), damaged);
    assertArrayEquals(CUBIN, get(folder));
    assertEquals(2, compiled.get());
    assertArrayEquals(whole, Files.readAllBytes(entry()));
  }

  @Test
  void writersAtTheSameTimeLeaveOneWholeEntryAndNothingElse() throws Exception {
    int writers = 8;
    CyclicBarrier together = new CyclicBarrier(writers);
    ExecutorService threads = Executors.newFixedThreadPool(writers);
    try {
      List<Future<byte[]>> results =
          IntStream.range(0, writers)
              .mapToObj(
                  i ->
                      threads.submit(
                          () -> {
                            together.await();
                            return get(folder);
                          }))
              .toList();
      for (Future<byte[]> result : results) {
        assertArrayEquals(CUBIN, result.get());
      }
    } finally {
      threads.shutdown();
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(entry()), files.toList());
    }
    int before = compiled.get();
    assertArrayEquals(CUBIN, get(folder));
    assertEquals(before, compiled.get());
  }

  @Test
  void whatCannotBeKeptIsUsed() throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    assertArrayEquals(CUBIN, get(file.resolve("below")));
    assertArrayEquals(CUBIN, get(file.resolve("below")));
    assertEquals(2, compiled.get());
  }

  @Test
  void keysTellApartWhatIsPutTogetherOtherwise() {
    assertEquals(KEY, CubinCache.key(List.of("source", "-Doption")));
    assertNotEquals(KEY, CubinCache.key(List.of("source-", "Doption")));
    assertNotEquals(KEY, CubinCache.key(List.of("source", "-Doption", "")));
    assertTrue(KEY.matches("[0-9a-f]{64}"), KEY);
  }
}
