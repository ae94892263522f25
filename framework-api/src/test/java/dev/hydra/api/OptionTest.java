package dev.hydra.api;

import static dev.hydra.api.SettingsReader.problem;
import static dev.hydra.api.SettingsReader.read;
import static dev.hydra.api.SettingsReader.value;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OptionTest {
  private enum Summary {
    MEAN,
    FIRST_TOKEN
  }

  private static final Option<Integer> INTEGER = Option.integer("state", "state per head");
  private static final Option<Double> DECIMAL = Option.decimal("rate", "learning rate");
  private static final Option<Boolean> FLAG = Option.flag("bias", "whether there is a bias");
  private static final Option<String> TEXT = Option.text("title", "what it is called");
  private static final Option<Summary> CHOICE =
      Option.choice("summary", Summary.class, "how a chunk is summed up");
  private static final Option<List<String>> TEXTS = Option.texts("files", "what is read");
  private static final Option<Duration> DURATION = Option.duration("every", "how often");
  private static final Option<ChildConfig<Router>> ROUTER =
      Option.component(Role.ROUTER, "topk", "what chooses experts");

  @Test
  void readsEveryKind() {
    assertEquals(64, value(INTEGER, "64"));
    assertEquals(1000, value(INTEGER, "1e3"));
    assertEquals(-3, value(INTEGER, "-3"));
    assertEquals(3e-4, value(DECIMAL, "3e-4"));
    assertEquals(2.0, value(DECIMAL, "2"));
    assertEquals(true, value(FLAG, "true"));
    assertEquals(false, value(FLAG, "false"));
    assertEquals("two words", value(TEXT, "two words"));
    assertEquals("7", value(TEXT, "7"));
    assertEquals(Summary.FIRST_TOKEN, value(CHOICE, "first-token"));
    assertEquals(List.of("a.txt", "b.txt"), value(TEXTS, "[a.txt, b.txt]"));
    assertEquals(List.of("a.txt"), value(TEXTS, "a.txt"));
    assertEquals(List.of(), value(TEXTS, "[]"));
  }

  @ParameterizedTest
  @CsvSource({"90 s, 90", "3 minutes, 180", "2h, 7200", "1.5 m, 90", "5000 ms, 5"})
  void readsDurations(String text, long seconds) {
    assertEquals(Duration.ofSeconds(seconds), value(DURATION, text));
    assertEquals(Duration.ofSeconds(seconds), value(DURATION, "\"" + text + "\""));
  }

  @ParameterizedTest
  @ValueSource(strings = {"90", "\"90\"", "\" 1.5 \"", "3 parsecs", "soon", "[1 s]", "true"})
  void refusesDurationsWithoutAUnit(String text) {
    String problem = problem(DURATION, text);
    assertThat(problem).startsWith("must be a duration with its unit (such as 90 s)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"1.5", "many", "\"64\"", "true", "[1]", "{ a = 1 }"})
  void refusesWhatIsNoWholeNumber(String text) {
    String problem = problem(INTEGER, text);
    assertThat(problem).startsWith("must be a whole number, but is ");
  }

  @Test
  void refusesWholeNumbersOfMoreThan32Bits() {
    assertThat(problem(INTEGER, "100000000000"))
        .isEqualTo("100000000000 is too large: a whole number of at most 2,147,483,647");
    assertThat(problem(INTEGER, "-3000000000"))
        .isEqualTo("-3000000000 is too small: a whole number of at least -2,147,483,647");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fast", "true", "1e999", "[0.1]"})
  void refusesWhatIsNoNumber(String text) {
    String problem = problem(DECIMAL, text);
    assertThat(problem).startsWith("must be a number, but is ");
  }

  @Test
  void refusesOtherTypes() {
    assertEquals("must be true or false, but is \"maybe\"", problem(FLAG, "maybe"));
    assertEquals("must be true or false, but is 1", problem(FLAG, "1"));
    assertThat(problem(TEXT, "[a]")).startsWith("must be a text, but is ");
    assertThat(problem(TEXTS, "[a, 1]")).startsWith("must be a list of texts, but is ");
    assertThat(problem(TEXTS, "{ a = 1 }")).startsWith("must be a list of texts, but is ");
    assertEquals("must be an object { type = ... }, but is 3", problem(ROUTER, "3"));
  }

  @Test
  void namesTheNearestChoice() {
    assertEquals(
        "unknown value \"first-tokn\"; did you mean \"first-token\"? Known: first-token, mean",
        problem(CHOICE, "first-tokn"));
    assertEquals("unknown value \"4711\". Known: first-token, mean", problem(CHOICE, "4711"));
  }

  @Test
  void readsComponents() {
    ChildConfig<Router> router = value(ROUTER, "{ type = chunk-topk, chunk = 32 }");
    assertEquals(Role.ROUTER, router.role());
    assertEquals(32, router.config().getInt("chunk"));
    assertEquals("topk", read("", ROUTER).get(ROUTER).config().getString("type"));
    assertEquals("router", ROUTER.name());
  }

  @Test
  void keepsToItsRange() {
    Option<Integer> positive = INTEGER.atLeast(1);
    assertEquals(1, value(positive, "1"));
    assertEquals("must be at least 1, but is 0", problem(positive, "0"));
    Option<Double> share = DECIMAL.between(0.0, 1.0);
    assertEquals(0.0, value(share, "0"));
    assertEquals(1.0, value(share, "1"));
    assertEquals("must be between 0.0 and 1.0, but is 1.5", problem(share, "1.5"));
    assertEquals("must be between 0.0 and 1.0, but is -0.1", problem(share, "-0.1"));
    Option<Integer> even = INTEGER.atLeast(2).where(value -> value % 2 == 0, "even");
    assertEquals("must be even, but is 3", problem(even, "3"));
    assertEquals("must be at least 2, but is 0", problem(even, "0"));
  }

  @Test
  void hasADefaultOrMayBeLeftOut() {
    Option<Integer> withDefault = INTEGER.atLeast(1).orElse(64);
    assertEquals(64, read("", withDefault).get(withDefault));
    assertEquals(8, value(withDefault, "8"));
    assertEquals(64, value(withDefault, "null"));
    assertEquals("must be at least 1, but is 0", problem(withDefault, "0"));
    Option<Optional<Integer>> optional = INTEGER.atLeast(1).optional("the width");
    assertEquals(Optional.empty(), read("", optional).get(optional));
    assertEquals(Optional.of(8), value(optional, "8"));
    assertEquals("must be at least 1, but is 0", problem(optional, "0"));
  }

  @Test
  void describesItself() {
    Option<Integer> option = INTEGER.atLeast(1);
    assertEquals("state", option.name());
    assertEquals("state per head", option.doc());
    assertEquals("whole number (at least 1)", option.type());
    assertEquals("required", option.otherwise());
    assertEquals("64", option.orElse(64).otherwise());
    assertEquals("first-token", CHOICE.orElse(Summary.FIRST_TOKEN).otherwise());
    assertEquals("first-token | mean", CHOICE.type());
    assertEquals("the width", option.optional("the width").otherwise());
    assertEquals("topk", ROUTER.otherwise());
  }
}
