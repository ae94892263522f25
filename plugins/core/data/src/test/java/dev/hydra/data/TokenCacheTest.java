package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenCacheTest {
  @TempDir private Path folder;

  /** Bytes, with a token more that ends a text; counts what it encodes. */
  private static final class Ending implements Tokenizer {
    final AtomicInteger pieces = new AtomicInteger();

    @Override
    public int vocabSize() {
      return 257;
    }

    @Override
    public void encode(byte[] text, IntConsumer sink) {
      pieces.incrementAndGet();
      new ByteTokenizer().encode(text, sink);
    }

    @Override
    public byte[] bytes(int token) {
      return new byte[] {(byte) token};
    }

    @Override
    public OptionalInt endOfText() {
      return OptionalInt.of(256);
    }
  }

  private record Texts(List<byte[]> documents, Path file) implements Source {
    @Override
    public void read(TextSink sink) {
      for (byte[] each : documents) {
        sink.accept(each);
        sink.endOfDocument();
      }
    }

    @Override
    public Optional<SourceFiles> files() {
      return Optional.of(new SourceFiles(List.of(file), "all"));
    }
  }

  private Texts source(int documents, int size) throws IOException {
    List<byte[]> all = new ArrayList<>();
    for (int i = 0; i < documents; i++) {
      all.add(dev.hydra.data.Texts.words(size, i));
    }
    Path file = folder.resolve("text");
    Files.writeString(file, documents + " of " + size);
    return new Texts(all, file);
  }

  private TokenSequence cached(Texts source, Tokenizer tokenizer) {
    return new TokenCache(folder.resolve("cache"))
        .get(source, source.files().orElseThrow(), tokenizer, bytes -> {});
  }

  private static void assertSame(Texts wanted, TokenSequence found) {
    long[] all = new long[(int) found.size()];
    found.read(0, all, 0, all.length);
    LongStream.Builder ids = LongStream.builder();
    for (byte[] document : wanted.documents()) {
      for (byte each : document) {
        ids.add(each);
      }
      ids.add(256);
    }
    assertArrayEquals(ids.build().toArray(), all);
  }

  private List<Path> shards() throws IOException {
    try (Stream<Path> all = Files.walk(folder.resolve("cache"))) {
      return all.filter(path -> path.toString().endsWith(".bin")).sorted().toList();
    }
  }

  @Test
  void memoryHoldsTheSame() throws IOException {
    Texts source = source(3, 100_000);
    Corpus heap = Corpus.read(source, new Ending());
    Corpus shards = new Corpus(cached(source, new Ending()));
    assertEquals(300_003, heap.size());
    assertEquals(heap.fingerprint(), shards.fingerprint());
    assertEquals(heap.fingerprint(), new Corpus(cached(source, new Ending())).fingerprint());
    for (int i = 0; i < 300_003; i++) {
      assertEquals(heap.token(i), shards.token(i));
    }
  }

  @Test
  void shardsHoldTheTokensThatMemoryWouldHold() throws IOException {
    Texts source = source(3, 12_000_000);
    Ending tokenizer = new Ending();
    TokenSequence made = cached(source, tokenizer);
    assertEquals(3, shards().size());
    assertSame(source, made);
    int encoded = tokenizer.pieces.get();
    assertSame(source, cached(source, tokenizer));
    assertEquals(encoded, tokenizer.pieces.get(), "nothing is encoded a second time");
    long[] across = new long[7];
    long border = Files.size(shards().get(0)) / 2;
    made.read(border - 3, across, 0, 7);
    for (int i = 0; i < 7; i++) {
      assertEquals(new Corpus(made).token(border - 3 + i), across[i]);
    }
    assertThrows(IndexOutOfBoundsException.class, () -> made.read(made.size(), across, 0, 1));
  }

  @Test
  void whatWasFinishedBeforeAKillIsUsedAndADamagedShardIsMadeAgain() throws IOException {
    Texts source = source(3, 12_000_000);
    Ending first = new Ending();
    cached(source, first);
    Path complete = shards().get(0).resolveSibling("complete.json");
    Files.delete(complete); // as after a kill
    Files.delete(shards().get(1));
    Ending second = new Ending();
    assertSame(source, cached(source, second));
    assertTrue(second.pieces.get() > 0 && second.pieces.get() < first.pieces.get());
    Files.write(shards().get(2), new byte[10]);
    Ending third = new Ending();
    assertSame(source, cached(source, third));
    assertTrue(third.pieces.get() > 0 && third.pieces.get() < first.pieces.get());
    assertTrue(Files.exists(complete));
  }

  @Test
  void anotherContentOrTokenizerHasTokensOfItsOwn() throws IOException {
    Texts source = source(1, 5_000);
    cached(source, new Ending());
    cached(source, new ByteTokenizer());
    assertEquals(2, shards().size());
    Files.writeString(source.file(), "something else");
    cached(source, new Ending());
    assertEquals(3, shards().size());
  }

  @Test
  void aFolderThatCannotBeWrittenIsNamed() throws IOException {
    Texts source = source(1, 5_000);
    Files.writeString(folder.resolve("cache"), "a file where the folder should be");
    assertThat(assertThrows(CorpusException.class, () -> cached(source, new Ending())))
        .hasMessageContaining(folder.resolve("cache").toString())
        .hasMessageContaining("hydra.tokens.cache");
  }

  @Test
  void aTextWithoutLineEndsIsCutBetweenCharacters() {
    List<Integer> sizes = new ArrayList<>();
    StringBuilder back = new StringBuilder();
    LinePieces pieces =
        new LinePieces(
            piece -> {
              sizes.add(piece.length);
              back.append(new String(piece, StandardCharsets.UTF_8));
            });
    String text = "\u20ac".repeat(800_000);
    pieces.add(text.getBytes(StandardCharsets.UTF_8));
    pieces.end();
    assertEquals(text, back.toString());
    assertEquals(3, sizes.size());
    assertFalse(sizes.stream().anyMatch(size -> size % 3 != 0));
  }
}
