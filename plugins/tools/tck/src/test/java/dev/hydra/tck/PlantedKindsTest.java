package dev.hydra.tck;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.api.Factory;
import dev.hydra.api.HydraPlugin;
import dev.hydra.api.Option;
import dev.hydra.data.ByteTokenizerFactory;
import dev.hydra.data.Source;
import dev.hydra.data.SourceContext;
import dev.hydra.data.SourceFactory;
import dev.hydra.data.StreamingDecoder;
import dev.hydra.data.TextSourceFactory;
import dev.hydra.data.Tokenizer;
import dev.hydra.data.TokenizerContext;
import dev.hydra.data.TokenizerFactory;
import dev.hydra.optim.ConstantScheduleFactory;
import dev.hydra.optim.CosineScheduleFactory;
import dev.hydra.optim.LinearScheduleFactory;
import dev.hydra.optim.Schedule;
import dev.hydra.optim.ScheduleContext;
import dev.hydra.optim.ScheduleFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The checks of schedules, tokenizers and sources find planted faults; sound ones pass. */
class PlantedKindsTest {
  private static final String RANGE = "rates between 0 and the highest";
  private static final String SAME_RATE = "the same rate for the same step";
  private static final String ROUND_TRIP = "text there and back";
  private static final String VOCABULARY = "ids within the vocabulary";
  private static final String BYTES = "bytes of every token";
  private static final String SAME_IDS = "the same ids for the same text";

  /** The names of the checks that a plugin does not pass. */
  static Set<String> failing(Factory<?, ?> factory, String options) {
    Set<String> failing = new LinkedHashSet<>();
    for (Check check : PluginConformance.of(factory).options(options).tests()) {
      try {
        check.run();
      } catch (ContractViolation e) {
        failing.add(check.name());
      }
    }
    return failing;
  }

  static Stream<Factory<?, ?>> sound() {
    return Stream.of(
        new CosineScheduleFactory(),
        new LinearScheduleFactory(),
        new ConstantScheduleFactory(),
        new ByteTokenizerFactory());
  }

  @ParameterizedTest
  @MethodSource
  void sound(Factory<?, ?> factory) {
    assertEquals(Set.of(), failing(factory, ""));
  }

  @Test
  void texts(@TempDir Path folder) throws Exception {
    Path file = Files.writeString(folder.resolve("text"), "some text");
    assertEquals(Set.of(), failing(new TextSourceFactory(), "files = \"" + file + "\""));
    assertThrows(
        ConfigException.class, () -> PluginConformance.of(new TextSourceFactory()).tests());
  }

  @Test
  void schedulesThatAreNoRates() {
    assertEquals(Set.of(RANGE), failing(new Planted(from -> step -> 2), ""));
    assertEquals(
        Set.of(RANGE),
        failing(
            new Planted(from -> step -> 1 - (step - from.first()) / (double) (from.last() + 1)),
            ""));
  }

  @Test
  void aScheduleThatRemembers() {
    assertEquals(
        Set.of(SAME_RATE),
        failing(
            new Planted(
                from -> {
                  AtomicInteger asked = new AtomicInteger();
                  return step -> 1.0 / asked.incrementAndGet();
                }),
            ""));
  }

  @Test
  void twoOptionsOfOneName() {
    assertEquals(Set.of("registration"), failing(new Twins(), ""));
  }

  @Test
  void tokenizersThatLoseText() {
    assertEquals(
        Set.of(ROUND_TRIP),
        failing(
            new Tokens(
                (text, sink) -> {
                  for (byte b :
                      new String(text, StandardCharsets.ISO_8859_1)
                          .strip()
                          .getBytes(StandardCharsets.ISO_8859_1)) {
                    sink.accept(b & 0xff);
                  }
                },
                256),
            ""));
  }

  @Test
  void tokenizersThatShowHalfACharacter() {
    assertEquals(
        Set.of(ROUND_TRIP, "token by token"), failing(new Tokens(Tokens::bytes, 256, true), ""));
  }

  @Test
  void tokenizersWithTooFewTokens() {
    assertEquals(Set.of(VOCABULARY, BYTES), failing(new Tokens(Tokens::bytes, 100), ""));
  }

  @Test
  void tokenizersThatRemember() {
    AtomicInteger calls = new AtomicInteger();
    assertEquals(
        Set.of(SAME_IDS, ROUND_TRIP),
        failing(
            new Tokens(
                (text, sink) -> {
                  Tokens.bytes(text, sink);
                  if (calls.incrementAndGet() % 2 == 0) {
                    sink.accept(0);
                  }
                },
                256),
            ""));
  }

  @Test
  void sourcesThatGiveSomethingElseEachTime() {
    AtomicInteger reads = new AtomicInteger();
    assertEquals(
        Set.of("the same text again"),
        failing(
            new Sources(
                sink ->
                    sink.accept(
                        String.valueOf(reads.incrementAndGet())
                            .getBytes(StandardCharsets.US_ASCII))),
            ""));
    assertEquals(Set.of("the same text again"), failing(new Sources(sink -> {}), ""));
  }

  /** A schedule. */
  @HydraPlugin("planted")
  record Planted(Function<ScheduleContext, Schedule> maker) implements ScheduleFactory {
    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Schedule create(ScheduleContext from) {
      return maker.apply(from);
    }
  }

  /** A schedule with wrong options. */
  @HydraPlugin("twins")
  record Twins() implements ScheduleFactory {
    @Override
    public List<Option<?>> options() {
      return List.of(
          Option.integer("one", "one").orElse(1), Option.integer("one", "another").orElse(2));
    }

    @Override
    public Schedule create(ScheduleContext from) {
      return step -> 1;
    }
  }

  /** Encodes. */
  @FunctionalInterface
  interface Encoder {
    void encode(byte[] text, IntConsumer sink);
  }

  /** A tokenizer of bytes. */
  @HydraPlugin("tokens")
  record Tokens(Encoder encoder, int size, boolean halves) implements TokenizerFactory {
    Tokens(Encoder encoder, int size) {
      this(encoder, size, false);
    }

    static void bytes(byte[] text, IntConsumer sink) {
      for (byte b : text) {
        sink.accept(b & 0xff);
      }
    }

    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Tokenizer create(TokenizerContext from) {
      return new Tokenizer() {
        @Override
        public int vocabSize() {
          return size;
        }

        @Override
        public void encode(byte[] text, IntConsumer sink) {
          encoder.encode(text, sink);
        }

        @Override
        public byte[] bytes(int token) {
          if (token < 0 || token > 255) {
            throw new IllegalArgumentException("no token " + token);
          }
          return new byte[] {(byte) token};
        }

        @Override
        public StreamingDecoder streamingDecoder() {
          return halves ? new Halves(this) : Tokenizer.super.streamingDecoder();
        }
      };
    }
  }

  /** Decodes each token by itself. */
  record Halves(Tokenizer tokenizer) implements StreamingDecoder {
    @Override
    public String next(int token) {
      return new String(tokenizer.bytes(token), StandardCharsets.UTF_8);
    }

    @Override
    public String finish() {
      return "";
    }
  }

  /** A source. */
  @HydraPlugin("sources")
  record Sources(Source source) implements SourceFactory {
    @Override
    public List<Option<?>> options() {
      return List.of();
    }

    @Override
    public Source create(SourceContext from) {
      return source;
    }
  }
}
