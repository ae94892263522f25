package dev.hydra.cli;

import dev.hydra.cli.common.Terminal;
import dev.hydra.cli.swap.SwapText;
import dev.hydra.composer.swap.SwapReport;
import dev.hydra.trainer.evaluation.Score;
import dev.hydra.trainer.run.StageReport;
import dev.hydra.trainer.run.StepReport;
import dev.hydra.trainer.run.TrainingListener;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntSupplier;

/**
 * Shows how training goes: one line that is rewritten on a terminal, a plain line every few seconds
 * elsewhere. Swaps are told of by threads of their own.
 */
final class ProgressDisplay implements TrainingListener, Terminal, AutoCloseable {
  private static final int BAR = 24;

  /** A smaller part of the time makes no difference to anybody. */
  private static final double TELLING_WAIT = 0.05;

  private static final String GAP = "  ";
  private static final int SHORTEST_BAR = 6;
  private static final long REWRITE_NANOS = Duration.ofMillis(200).toNanos();
  private static final long PLAIN_NANOS = Duration.ofSeconds(10).toNanos();

  private final PrintWriter out;
  private final boolean terminal;
  private long tokensPerStep;
  private final IntSupplier width;
  private long shownAt;
  private boolean onLine;
  private boolean finished;
  private final RecentSpeed speed = new RecentSpeed();
  private long stepped;

  ProgressDisplay(PrintWriter out, boolean terminal, long tokensPerStep) {
    this(out, terminal, tokensPerStep, new TerminalWidth());
  }

  ProgressDisplay(PrintWriter out, boolean terminal, long tokensPerStep, IntSupplier width) {
    this.width = width;
    this.out = out;
    this.terminal = terminal;
    this.tokensPerStep = tokensPerStep;
  }

  @Override
  public synchronized void stageBegan(StageReport report) {
    tokensPerStep = report.tokensPerStep();
    say(report.text());
  }

  @Override
  public synchronized void stepped(StepReport report) {
    long steps = stepped == 0 ? 1 : Math.max(1, report.step() - stepped); // since the last report
    speed.add(steps * tokensPerStep, report.tokensPerSecond());
    stepped = report.step();
    long now = System.nanoTime();
    boolean first = shownAt == 0;
    boolean last = report.step() == report.steps();
    finished = last;
    if (!first && !last && now - shownAt < (terminal ? REWRITE_NANOS : PLAIN_NANOS)) {
      return;
    }
    shownAt = now;
    List<String> parts =
        List.of(
            String.format("step %,d/%,d", report.step(), report.steps()),
            String.format("loss %.3f", report.loss()),
            String.format("%.3f bits/token", report.loss() / Math.log(2)),
            String.format("%,.0f tokens/s", speed.tokensPerSecond()) + waiting(report),
            left(report) + " left");
    if (terminal) {
      double done = (double) report.step() / report.steps();
      out.print("\r\u001b[K" + fitted(parts, done, width.getAsInt() - 1));
      out.flush();
      onLine = true;
    } else {
      out.println(String.join(GAP, parts));
    }
  }

  /** Where data does not keep up: how much of the time is lost. */
  private static String waiting(StepReport report) {
    return report.dataWait() < TELLING_WAIT
        ? ""
        : String.format(" (%.0f%% waiting for data)", 100 * report.dataWait());
  }

  /**
   * As much as there is room for: first the bar gets shorter and goes, then bits per token, the
   * speed, the word after the time, and at last the end of the line.
   */
  private static String fitted(List<String> parts, double done, int room) {
    List<String> kept = new ArrayList<>(parts);
    for (String dispensable : List.of(parts.get(2), parts.get(3))) {
      if (String.join(GAP, kept).length() > room) {
        kept.remove(dispensable);
      }
    }
    String line = String.join(GAP, kept);
    line = line.length() > room ? line.replace(" left", "") : line;
    int bar = Math.min(BAR, room - line.length() - 3); // brackets and a space
    if (bar >= SHORTEST_BAR) {
      return bar(done, bar) + " " + line;
    }
    return line.substring(0, Math.max(0, Math.min(line.length(), room)));
  }

  private String left(StepReport report) {
    double seconds = (report.steps() - report.step()) * tokensPerStep / speed.tokensPerSecond();
    Duration left = Duration.ofSeconds(Math.round(seconds));
    return left.toHours() > 0
        ? String.format("%d:%02d:%02d", left.toHours(), left.toMinutesPart(), left.toSecondsPart())
        : String.format("%d:%02d", left.toMinutes(), left.toSecondsPart());
  }

  private static String bar(double part, int length) {
    int full = (int) (part * length);
    return "[" + "#".repeat(full) + "-".repeat(length - full) + "]";
  }

  @Override
  public synchronized void evaluating(String set, int windows, int of) {
    long now = System.nanoTime();
    shownAt = shownAt == 0 ? now : shownAt;
    if (now - shownAt < (terminal ? REWRITE_NANOS : PLAIN_NANOS)) {
      return;
    }
    shownAt = now;
    String done = String.format("%s: %,d of %,d windows", set, windows, of);
    if (terminal) {
      out.print("\r\u001b[K" + done.substring(0, Math.min(done.length(), width.getAsInt() - 1)));
      out.flush();
      onLine = true;
    } else {
      out.println(done);
    }
  }

  @Override
  public synchronized void evaluated(long step, Score score) {
    if (finished) {
      return; // the summary says it
    }
    say(
        String.format(
            "step %,d: %s %.4f bits per byte (%,d bytes)",
            step, score.set(), score.bitsPerByte(), score.bytes()));
  }

  @Override
  public void checkpointed(long step, Path folder) {
    say("checkpoint " + folder);
  }

  @Override
  public void warned(String message) {
    Terminal.super.warned(message);
  }

  @Override
  public void swapped(SwapReport report) {
    SwapText.line(report).ifPresent(this::say);
  }

  @Override
  public synchronized void say(String text) {
    close();
    out.println(text);
  }

  /** Leaves the line that is rewritten. */
  @Override
  public synchronized void close() {
    if (onLine) {
      out.println();
      onLine = false;
    }
  }
}
