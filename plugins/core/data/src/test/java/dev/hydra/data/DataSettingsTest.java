package dev.hydra.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigParseOptions;
import dev.hydra.api.ConfigException;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.api.PluginRegistry;
import dev.hydra.api.Registration;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataSettingsTest {
  private final Path folder;

  DataSettingsTest(@TempDir Path folder) throws IOException {
    this.folder = folder;
    Files.write(folder.resolve("words"), Texts.words(100_000, 1));
  }

  @Test
  void defaultsOpenADataset() {
    DataSettings settings = read("files = words");
    assertEquals(256, settings.sequenceLength());
    assertInstanceOf(ByteTokenizer.class, settings.tokenizer(List.of()));
    Dataset data = settings.open(List.of(folder));
    assertEquals(100_000, data.corpora().get(0).size());
    assertEquals(257, data.train().next(2).width());
    assertEquals("held-out", data.validation().get(0).name());
    ValidationWindows windows = data.validation().get(0).windows();
    long heldOut = Split.of(100_000, 0.05).validation().stream().mapToLong(Range::size).sum();
    assertEquals(heldOut - 1, windows.batch(0, windows.count()).predicted().length);
    data.train().close();
  }

  @Test
  void everyOptionCounts() {
    Dataset data =
        read("files = [words, words]\ntokenizer = byte\nsequence-length = 64\nseed = 3\n"
                + "validation-fraction = 0.1")
            .open(List.of(folder));
    long[] first = data.train().next(1).predicted();
    data.train().close();
    assertArrayEquals(first(data.corpora().get(0), 3), first);
    assertFalse(Arrays.equals(first(data.corpora().get(0), 0), first));
  }

  private static long[] first(Corpus corpus, long seed) {
    Batch batch = new Batch(1, 65);
    new WindowSampler(corpus, Split.of(200_000, 0.1).train(), 64, seed).read(0, batch, 0);
    return batch.predicted();
  }

  @Test
  void textsToScoreOnHaveNamesOfTheirOwn() {
    String one = "files = words\n";
    assertThat(refused(one + "validation-fraction = 0.1\nvalidation.held-out.files = [words]"))
        .startsWith(
            "test.conf: 3: data.validation.held-out: its scores could not be told from those of")
        .endsWith("of data, which is called \"held-out\"; choose another name");
    assertThat(read(one + "validation.held-out.files = [words]").open(List.of(folder)).validation())
        .as("nothing else is held out")
        .hasSize(1);
    assertThat(refused("sources = [ { files = words, name = a },\n{ files = words, name = a } ]"))
        .startsWith("test.conf: 2: data.sources[1].name: ")
        .contains("data.sources[0].name, which is called \"a\"");
    assertThat(refused("sources = [ { files = words, name = source-2 }, { files = words } ]"))
        .contains("data.sources[1].name: ", "\"source-2\"");
    assertThat(refused("sources = [ { files = words, name = \" \" } ]"))
        .contains("data.sources[0].name: a name must not be empty");
    assertThat(refused(one + "validation { \"\" { files = words } }"))
        .contains("data.validation.\"\": a name must not be empty");
    String two = one + "validation { %s { files = words }, %s { files = words } }";
    assertThat(refused(two.formatted("a", "a-ema")))
        .contains("data.validation.a-ema: ", "those of averaged weights of data.validation.a,");
    assertThat(refused("validation-fraction = 0.1\n" + two.formatted("held", "held-out-ema")))
        .contains("data.validation.held-out-ema: ");
  }

  @Test
  void oneSourceBesideSeveralIsRefused() {
    String several = "sources = [ { files = words } ]\n";
    assertThat(refused(several + "files = words"))
        .startsWith("test.conf: 2: data.files: data.sources stands in the place of one source");
    assertThat(refused(several + "source = text")).contains("data.source: data.sources stands");
  }

  private static String refused(String text) {
    return String.valueOf(assertThrows(ConfigException.class, () -> read(text)).getMessage());
  }

  @Test
  void sourcesAreMixedAndEachHoldsOutItsOwn() {
    Dataset data =
        read("sources = [{ files = words, weight = 3, name = a },"
                + " { source = letters, count = 5000 }]\nsequence-length = 20")
            .open(List.of(folder));
    assertEquals(List.of("a", "source-2"), names(data.validation()));
    assertEquals(105_000, data.size());
    try (Sampler train = data.train()) {
      long letters = 0;
      for (int i = 0; i < 400; i++) {
        letters += LongStream.of(train.next(1).predicted()).allMatch(id -> id == 'a') ? 1 : 0;
      }
      assertEquals(100, letters);
    }
    assertMistake(
        "data.sources[0].weight: must be above 0", "\nsources = [{ files = words, weight = 0 }]");
    assertMistake("data.sources: must be a list of sources", "\nsources = [words]");
  }

  @Test
  void validationSetsHaveTheirNamesAndAllOfTheirText() {
    DataSettings settings =
        read(
            "files = words\nvalidation = { z { files = words }\n"
                + "x { source = letters, count = 50 } }");
    Dataset data = settings.open(List.of(folder));
    assertEquals(List.of("x", "z"), names(data.validation()));
    assertEquals(List.of("x", "z"), names(settings.validation(List.of(folder), bytes -> {})));
    ValidationWindows all = data.validation().get(1).windows();
    assertEquals(99_999, all.batch(0, all.count()).predicted().length);
    assertMistake("data.validation: must be an object of names", "files = words\nvalidation = a");
  }

  private static List<String> names(List<ValidationSet> sets) {
    return sets.stream().map(ValidationSet::name).toList();
  }

  @Test
  void mistakesNameFileAndLine() {
    assertMistake("unknown key \"file\"; did you mean \"files\"?", "\nfile = words");
    assertMistake("data.files: must be at least one file", "\nfiles = []");
    assertMistake(
        "data.tokenizer.type: unknown tokenizer \"bites\"; did you mean \"bytes\"?",
        "files = a\ntokenizer = bites");
    assertMistake("data.sequence-length: must be at least 1", "files = a\nsequence-length = 0");
    assertMistake(
        "data.validation-fraction: must be between 0.0 and 0.5",
        "files = a\nvalidation-fraction = 0.6");
  }

  @Test
  void problemsOfTheTextNameTheLineThatAsksForIt() {
    assertMistake("data.files: there is no file \"none\"", "\nfiles = none");
    assertMistake(
        "data.sequence-length: no piece of the text to train on has the 100001 tokens",
        "files = words\nsequence-length = 100000");
  }

  /** A source of one letter. */
  @HydraPlugin("letters")
  static final class Letters implements SourceFactory {
    private static final Option<String> LETTER = Option.text("letter", "it").orElse("a");
    private static final Option<Integer> COUNT = Option.integer("count", "how many");

    @Override
    public List<Option<?>> options() {
      return List.of(LETTER, COUNT);
    }

    @Override
    public Source create(SourceContext from) {
      String letter = from.settings().get(LETTER);
      int count = from.settings().get(COUNT);
      return sink -> sink.accept(letter.repeat(count).getBytes(StandardCharsets.US_ASCII));
    }
  }

  @Test
  void anotherSourceHasItsOwnOptions() {
    Dataset data =
        read("source = letters, letter = x, count = 5000, sequence-length = 9")
            .open(List.of(folder));
    assertEquals(5000, data.corpora().get(0).size());
    assertEquals('x', data.corpora().get(0).token(4999));
    assertMistake(
        "data.files: unknown key \"files\"", "source = letters, count = 5000\nfiles = words");
    assertMistake("data.source: unknown source \"leters\"", "count = 5000\nsource = leters");
    assertMistake(
        "data.source: the corpus is empty: the source gives no text",
        "count = 0\nsource = letters");
    assertEquals(
        List.of("letters", "bytes"),
        read("source = letters, count = 1").plugins().stream().map(Registration::type).toList());
  }

  private void assertMistake(String problem, String text) {
    String message =
        assertThrows(ConfigException.class, () -> read(text).open(List.of(folder))).toString();
    assertThat(message).contains(" test.conf: 2: data.");
    assertThat(message).contains(problem);
  }

  private static DataSettings read(String text) {
    return DataSettings.read(
        ConfigFactory.parseString(
            text, ConfigParseOptions.defaults().setOriginDescription("test.conf")),
        PluginRegistry.of(
            new ByteTokenizerFactory(),
            new OldByteTokenizerFactory(),
            new TextSourceFactory(),
            new Letters()));
  }
}
