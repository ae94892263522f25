package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import com.github.luben.zstd.Zstd;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.ConfigException;
import dev.hydra.api.Settings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CorpusTest {
  private final Path folder;

  CorpusTest(@TempDir Path folder) {
    this.folder = folder;
  }

  @Test
  void readsPlainTextAndGzipByContentOneAfterTheOther() throws IOException {
    byte[] plain = Texts.words(200_000, 1);
    byte[] packed = Texts.words(100_000, 2);
    write("plain.gz", plain);
    write("packed.txt", Texts.gzip(packed));
    assertArrayEquals(join(plain, packed), text(read("plain.gz", "packed.txt")));
    assertArrayEquals(join(packed, plain), text(read("packed.txt", "plain.gz")));
  }

  @Test
  void readsAllMembersOfAGzip() throws IOException {
    byte[] one = Texts.words(100_000, 1);
    byte[] two = Texts.words(50_000, 2);
    write("two.gz", join(Texts.gzip(one), Texts.gzip(two)));
    assertArrayEquals(join(one, two), text(read("two.gz")));
  }

  @Test
  void keepsTokensThatNeedMoreThanAByte() throws IOException {
    byte[] words = Texts.words(50_001, 1);
    write("words", words);
    PairTokenizer pairs = new PairTokenizer();
    Corpus corpus = Texts.corpus(List.of("words"), List.of(folder), pairs);
    assertEquals(25_001, corpus.size());
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    for (int i = 0; i < corpus.size(); i++) {
      text.writeBytes(pairs.bytes(corpus.token(i)));
    }
    assertArrayEquals(words, text.toByteArray());
  }

  @Test
  void everyByteValueSurvives() throws IOException {
    byte[] all = new byte[255];
    for (int i = 0; i < 255; i++) {
      all[i] = (byte) (i + 1); // a zero would not be text
    }
    write("all", all);
    assertArrayEquals(all, text(corpus("files = all, encoding = any")));
    assertRefused("all is not UTF-8: byte 127 is 0x80; convert it", "all");
  }

  @Test
  void relativeNamesAreLookedForInTheRootsInOrder() throws IOException {
    Path first = Files.createDirectory(folder.resolve("first"));
    Path second = Files.createDirectory(folder.resolve("second"));
    Files.writeString(second.resolve("a"), "second a");
    Files.writeString(second.resolve("b"), "second b");
    Files.writeString(first.resolve("a"), "first a");
    Corpus corpus =
        Texts.corpus(
            List.of("a", "b", second.resolve("a").toString()),
            List.of(first, second),
            new ByteTokenizer());
    assertEquals("first asecond bsecond a", new String(text(corpus), StandardCharsets.US_ASCII));
  }

  @Test
  void aMissingFileIsReportedWithEveryPathTried() {
    Path other = folder.resolve("other");
    ConfigException missing =
        assertThrows(
            ConfigException.class,
            () ->
                Texts.corpus(
                    List.of("sub/../none.txt"), List.of(folder, other), new ByteTokenizer()));
    assertEquals(
        "files: data.files: there is no file \"sub/../none.txt\"; looked for "
            + folder.resolve("none.txt")
            + ", "
            + other.resolve("none.txt"),
        missing.getMessage());
  }

  @Test
  void whatIsNoFileNameIsRefused() {
    assertRefused("cannot be a file name", "nul\0");
    assertRefused("is an address, and only files are read", "https://example.com/text.gz");
  }

  /** A byte of each character. */
  @ParameterizedTest
  @CsvSource({
    "'PK\003\004', a zip archive",
    "'PAR1', a Parquet table",
    "'\u0089PNG', a PNG image",
    "'%PDF-1.7', a PDF document",
    "'\u00ff\u00fea\000b\000', text in UTF-16",
    "'abc\000def', is not text: it has a zero byte at 3 and begins with 61 62 63 00 64 65 66",
  })
  void whatIsNotTextIsRefusedByContent(String begin, String problem) throws IOException {
    byte[] content = join(begin.getBytes(StandardCharsets.ISO_8859_1), Texts.words(3_000, 1));
    write("some.txt", content);
    assertRefused(problem, "some.txt");
    write("some.gz", Texts.gzip(content));
    assertRefused("some.gz, unpacked, is ", "some.gz");
    assertRefused(problem, "some.gz");
  }

  @Test
  void textWithoutAsciiIsText() throws IOException {
    byte[] text = "Пк\u0001 é\n".repeat(100).getBytes(StandardCharsets.UTF_8);
    write("text", text);
    assertArrayEquals(text, text(read("text")));
    write("latin", new byte[] {(byte) 0xe9, (byte) 0xfc, 10});
    assertEquals(3, corpus("files = latin, encoding = any").size());
  }

  @Test
  void foldersAndPatternsMeanTheirFilesInOrder() throws IOException {
    Files.createDirectories(folder.resolve("sub/deep"));
    assertRefused("there is no file in the folder", "sub");
    assertRefused("no file matches \"sub/*.txt\"", "sub/*.txt");
    write("sub/b.txt", "b".getBytes(StandardCharsets.UTF_8));
    write("sub/a.txt", "a".getBytes(StandardCharsets.UTF_8));
    write("sub/.hidden", "h".getBytes(StandardCharsets.UTF_8));
    write("sub/deep/c.md", "c".getBytes(StandardCharsets.UTF_8));
    assertEquals("abc", new String(text(read("sub")), StandardCharsets.UTF_8));
    assertEquals("abab", new String(text(read("sub/*.txt", "sub/[ab].*")), StandardCharsets.UTF_8));
    assertEquals("c", new String(text(read("sub/**.md")), StandardCharsets.UTF_8));
  }

  @Test
  void zstdIsReadAndATruncatedOneRefused() throws IOException {
    byte[] text = Texts.words(100_000, 1);
    byte[] packed = Zstd.compress(text);
    write("packed", join(packed, packed));
    assertArrayEquals(join(text, text), text(read("packed")));
    write("cut", Arrays.copyOf(packed, packed.length / 2));
    assertRefused("cut is a damaged zstd file", "cut");
  }

  @Test
  void aByteOrderMarkIsLeftOutAndOtherEncodingsAreRefused() throws IOException {
    write("marked", "\ufeffa\r\nb".getBytes(StandardCharsets.UTF_8));
    assertEquals("a\r\nb", new String(text(read("marked")), StandardCharsets.UTF_8));
    write("utf16", "\ufeffab".getBytes(StandardCharsets.UTF_16BE));
    assertRefused("utf16 is text in UTF-16, not plain text; convert it", "utf16");
    write("latin1", "caf\u00e9 au".getBytes(StandardCharsets.ISO_8859_1));
    assertRefused("latin1 is not UTF-8: byte 3 is 0xe9", "latin1");
  }

  @Test
  void whatIsNotTextIsRefusedWithWhatToAskFor() throws IOException {
    write("data", "PAR1....PAR1".getBytes(StandardCharsets.US_ASCII));
    assertRefused(
        "data is a Parquet table, not plain text; use source = parquet, field = NAME", "data");
    write("lines", "{\"text\":\"a\"}\n{\"text\":\"b\"}\n".getBytes(StandardCharsets.UTF_8));
    assertRefused("lines holds JSON lines, not text: use source = jsonl, field = NAME", "lines");
    write("code", "{ int a; }\n{ int b; }\n".getBytes(StandardCharsets.UTF_8));
    assertEquals(22, read("code").size());
  }

  /** Characters of all lengths at the border of the pieces that are read. */
  @Test
  void charactersStayWholeInLargeFiles() throws IOException {
    StringBuilder text = new StringBuilder();
    while (text.length() < 1_200_000) {
      text.append("a\u00e9\u20ac\ud83d\ude00");
    }
    byte[] utf8 = text.toString().getBytes(StandardCharsets.UTF_8);
    write("large", utf8);
    TextReader.read(
        folder.resolve("large"),
        piece ->
            assertArrayEquals(
                piece, new String(piece, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8)));
    assertArrayEquals(utf8, text(read("large")));
  }

  @Test
  void aFileThatMayNotBeReadIsRefused() throws IOException {
    Path secret = write("secret", new byte[10]);
    assumeFalse(!secret.toFile().setReadable(false) || Files.isReadable(secret), "super-user");
    assertRefused("secret may not be read", "secret");
  }

  @Test
  void anEmptyCorpusIsRefused() throws IOException {
    write("empty", new byte[0]);
    write("packed", Texts.gzip(new byte[0]));
    assertRefused("the corpus is empty", "empty", "packed");
  }

  @Test
  void aTruncatedGzipIsRefusedWhereverItEnds() throws IOException {
    byte[] packed = Texts.gzip(Texts.words(3_000, 1));
    for (int size = 2; size < packed.length; size += size < 30 ? 1 : 97) {
      write("cut", Arrays.copyOf(packed, size));
      assertRefused("cut is a damaged gzip file", "cut");
    }
    write("cut", Arrays.copyOf(packed, packed.length - 1));
    assertRefused("cut is a damaged gzip file", "cut");
  }

  @Test
  void aGzipWithAFlippedBitIsRefused() throws IOException {
    byte[] packed = Texts.gzip(Texts.words(3_000, 1));
    for (int at : new int[] {2, 500, packed.length - 8, packed.length - 1}) {
      byte[] damaged = packed.clone();
      damaged[at] ^= 4;
      write("damaged", damaged);
      assertRefused("damaged is a damaged gzip file", "damaged");
    }
  }

  @Test
  void somethingElseAfterAGzipIsRefused() throws IOException {
    byte[] packed = Texts.gzip(Texts.words(3_000, 1));
    for (int extra : new int[] {1, 9, 18, 19, 500}) {
      write("long", join(packed, new byte[extra]));
      assertRefused("something that is not gzip follows", "long");
    }
    byte[] second = Texts.gzip(Texts.words(10, 2));
    write("long", join(packed, Arrays.copyOf(second, 5)));
    assertRefused("something that is not gzip follows", "long");
  }

  private void assertRefused(String problem, String... files) {
    String message = assertThrows(ConfigException.class, () -> read(files)).toString();
    assertThat(message).contains(problem);
  }

  private Corpus corpus(String options) {
    SourceFactory factory = new TextSourceFactory();
    Settings settings =
        Settings.read("data", ConfigFactory.parseString(options), factory.options());
    return Corpus.read(
        factory.create(new SourceContext(settings, List.of(folder))), new ByteTokenizer());
  }

  private Corpus read(String... files) {
    return Texts.corpus(List.of(files), List.of(folder), new ByteTokenizer());
  }

  private Path write(String name, byte[] bytes) throws IOException {
    return Files.write(folder.resolve(name), bytes);
  }

  private static byte[] text(Corpus corpus) {
    byte[] text = new byte[(int) corpus.size()];
    IntStream.range(0, text.length).forEach(i -> text[i] = (byte) corpus.token(i));
    return text;
  }

  private static byte[] join(byte[] a, byte[] b) {
    byte[] joined = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, joined, a.length, b.length);
    return joined;
  }
}
