package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static dev.hydra.cli.CommandLineRunner.withInput;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Conversations with lines of standard input. */
class ChatCommandTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  static Path folder;

  private static Path run = Path.of("");
  private static Path template = Path.of("");

  @BeforeAll
  static void train() throws IOException {
    run = TinyModel.train(folder);
    template =
        Files.writeString(
            folder.resolve("chat.jinja"),
            "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}");
  }

  private static CommandLineRunner.Outcome chat(double temperature, String input)
      throws IOException {
    Object[] chat = {"chat", run, "--template", template, "-n", "6", "--system", "be"};
    return withInput(input, () -> run(with(chat, "--temperature", temperature)).done());
  }

  private static Object[] with(Object[] arguments, Object... more) {
    return Stream.of(arguments, more).flatMap(Stream::of).toArray();
  }

  private static String answer(String message) {
    String prompt = "<system>be<user>" + message;
    return run("generate", "--model", run, "-p", prompt, "-n", "6", "--temperature", 0)
        .done()
        .out();
  }

  @Test
  void linesAreAnswered() throws IOException {
    assertThat(chat(0, "one\n").out()).isEqualTo(answer("one"));
    var more = chat(0, "\none\n/nothing\n/clear\none\n/quit\nlost\n");
    assertThat(more.out()).isEqualTo(answer("one") + answer("one"));
    assertThat(more.err()).contains("there is no command /nothing; /help lists them");
  }

  @Test
  void theLastExchangeIsTakenBack() throws IOException {
    var talk = chat(0, "one\n/undo\ntwo\n");
    assertThat(talk.out()).isEqualTo(answer("one") + answer("two"));
    assertThat(talk.err()).contains("taken back: one");
    assertThat(chat(0, "one\ntwo\n/undo\n/undo\ntwo\n").out())
        .isEqualTo(chat(0, "one\ntwo\n").out() + answer("two"));
    assertThat(chat(0, "/undo\n").err()).contains("could be taken back");
  }

  @Test
  void theLastMessageIsAnsweredAgain() throws IOException {
    assertThat(chat(0, "one\n/retry\n").out()).isEqualTo(answer("one") + answer("one"));
    assertThat(chat(0, "one\n/retry\ntwo\n").out())
        .isEqualTo(answer("one") + chat(0, "one\ntwo\n").out());
    String first = chat(1, "one\n").out();
    assertThat(chat(1, "one\n/retry\n").out())
        .startsWith(first)
        .as("another answer")
        .isNotEqualTo(first + first);
    assertThat(chat(0, "/retry\n").err()).contains("could be answered again");
  }

  @Test
  void aConversationThatIsTooLongIsToldWhatMakesRoom() throws IOException {
    Object[] chat = {"chat", run, "--template", template, "--max-context", 20, "-n", 6};
    String input = "hello\nthere\n/clear\nhello\n";
    var outcome = withInput(input, () -> run(with(chat, "--temperature", 0)));
    outcome.refused(1, " tokens, and --max-context is 20, so there is no room for an answer");
    String answer = withInput("hello\n", () -> run(with(chat, "--temperature", 0)).done().out());
    assertThat(outcome.out()).isEqualTo(answer + answer);
  }

  @Test
  void aTemplateIsNeeded() throws IOException {
    run("chat", run).refused(2, "this model has no chat template; name one with --template");
    Path malformed = Files.writeString(folder.resolve("malformed.jinja"), "{% for");
    run("chat", run, "--template", malformed)
        .refused(2, malformed + " cannot be read: a tag is not closed by %}");
  }
}
