package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Sends signals to processes that tests have started. */
final class Signals {
  private Signals() {}

  /**
   * Sends a signal, or leaves the test out if it is HUP and ignored here: whoever starts a program
   * by {@code nohup} hands that on to all that it starts, which then goes on for ever.
   */
  static void send(String signal, Process process) throws IOException, InterruptedException {
    assumeThat(signal.equals("HUP") && hangupIsIgnored())
        .as("HUP is ignored by what is started under nohup")
        .isFalse();
    String pid = String.valueOf(process.pid());
    assertThat(new ProcessBuilder("kill", "-" + signal, pid).start().waitFor()).isZero();
  }

  /** The lowest bit of the signals that a process ignores is signal 1, HUP. */
  private static boolean hangupIsIgnored() throws IOException {
    String ignored =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("SigIgn:"))
            .findFirst()
            .orElseThrow();
    return ignored.matches(".*[13579bdf]");
  }
}
