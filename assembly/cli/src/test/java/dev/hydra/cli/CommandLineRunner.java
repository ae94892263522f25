package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.plugins.FixedPlugins;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import picocli.CommandLine;

/** Runs commands as {@code bin/hydra} does, in this process and with the plugins of the tests. */
public final class CommandLineRunner {
  private CommandLineRunner() {}

  /** What a command has said, and its exit code. */
  public record Outcome(int code, String out, String err) {
    /** Fails unless the command was done. */
    public Outcome done() {
      assertThat(code).as(toString()).isZero();
      return this;
    }

    /** Fails unless the command ended with a code and one message, without a stack trace. */
    public Outcome refused(int expected, String message) {
      assertThat(code).as(toString()).isEqualTo(expected);
      assertThat(err).contains(message).doesNotContain("Where it happened", "\tat ");
      return this;
    }
  }

  /** What is run with a standard input of its own. */
  @FunctionalInterface
  interface Action<T> {
    T run() throws IOException;
  }

  /** Runs an action that finds a text on standard input. */
  static <T> T withInput(String text, Action<T> action) throws IOException {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    try {
      return action.run();
    } finally {
      System.setIn(before);
    }
  }

  /** Runs a command to its end. */
  public static Outcome run(Object... arguments) {
    StringWriter out = new StringWriter();
    Outcome outcome = run(out, arguments);
    return new Outcome(outcome.code(), out.toString(), outcome.err());
  }

  /** Runs a command that writes to {@code out}; the outcome says nothing of that. */
  public static Outcome run(Writer out, Object... arguments) {
    StringWriter err = new StringWriter();
    int code = run(out, new PrintWriter(err, true), arguments);
    return new Outcome(code, "", err.toString());
  }

  /** Runs a command that writes to {@code out} and {@code err}; returns its exit code. */
  static int run(Writer out, PrintWriter err, Object... arguments) {
    PluginRegistry plugins =
        PluginRegistry.load(
            CommandLineRunner.class.getClassLoader(),
            warning -> {
              throw new AssertionError(warning);
            });
    String[] texts = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
    CommandLine line =
        Main.commandLine(
            new Commands(new FixedPlugins(plugins), NativeFiles.unchecked()), out, texts);
    line.setErr(err);
    return line.execute(texts);
  }
}
