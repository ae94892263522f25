package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** The page that follows runs, in a browser, beside a training in a process of its own. */
@EnabledIf("dev.hydra.dist.Browser#installed")
class WatchIT {
  private static final String NOW = "[...document.querySelectorAll('#now tr')]";
  private static final String ENABLED = "!document.querySelector('#fields').disabled";

  @TempDir Path folder;

  /** A page that is served by a process of its own. */
  private record Watch(Hydra hydra, Process process) implements AutoCloseable {
    static Watch start(Hydra hydra, String... runs) throws Exception {
      String[] arguments = new String[runs.length + 3];
      System.arraycopy(runs, 0, arguments, 1, runs.length);
      arguments[0] = "watch";
      arguments[runs.length + 1] = "--port";
      arguments[runs.length + 2] = "0";
      Watch watch = new Watch(hydra, hydra.start(arguments));
      hydra.ownersAddress(); // told when it listens
      return watch;
    }

    /** Where whoever is on this machine looks. */
    String address() throws Exception {
      String first = hydra.out().get(0);
      assertThat(first).matches("listening on http://127\\.0\\.0\\.1:\\d+");
      return first.replaceFirst("listening on ", "");
    }

    /** Where the owner looks. */
    String ownersAddress() throws Exception {
      return hydra.ownersAddress();
    }

    @Override
    public void close() throws InterruptedException {
      process.destroy();
      if (!process.waitFor(60, TimeUnit.SECONDS)) {
        process.destroyForcibly().waitFor();
      }
    }
  }

  /** A figure of the first run in the table of now. */
  private static String now(Browser browser, String row) throws Exception {
    return browser.evaluate(
        NOW + ".find(r => r.cells[0].textContent === '" + row + "').cells[1].textContent");
  }

  private static String text(Browser browser, String selector) throws Exception {
    return browser.evaluate("document.querySelector('" + selector + "').innerText");
  }

  private static void untilText(Browser browser, String selector, String part) throws Exception {
    browser.until("document.querySelector('" + selector + "').innerText.includes('" + part + "')");
  }

  @Test
  void figuresAreThoseOfTheRunAndASwapByClickIsInTheJournal() throws Exception {
    try (RunningTraining training =
            RunningTraining.start(folder, "run", "--set", "trainer.swap.guard-steps=1000000");
        Watch watch = Watch.start(training.command("watch"), training.run().toString());
        Browser browser = Browser.open(folder, watch.ownersAddress()).listening()) {
      training.advance(2);
      browser.until(NOW + ".some(r => r.cells[0].textContent === 'training loss')");
      assertEquals("training", now(browser, "state"));
      figuresAreInTheMetrics(training, browser);
      untilText(browser, "#model", "com.example.hydra.ema 1.0.0");
      browser.until(ENABLED);

      browser.click("button[data-sites=\"blocks.*.ffn\"]");
      assertEquals("blocks.*.ffn", browser.evaluate("document.querySelector('#sites').value"));
      browser.type("hidden = 48");
      browser.evaluate("document.querySelector('#policy').value = 'drop'");
      browser.click("#do-swap");
      untilText(browser, "#answer", "swapped after step ");
      Map<String, Object> swap = training.journal("swap").get(0);
      assertThat(swap.toString()).contains("blocks.1.ffn", "hidden 32 -> 48");
      untilText(browser, "#journal", "hidden 32 -> 48");
      untilText(browser, "#model", "hidden 48");

      browser.evaluate("document.querySelector('#rollback').focus()");
      browser.press("Enter", 13);
      untilText(browser, "#answer", "rolled back after step ");
      assertEquals(1, training.journal("rollback").size());
      untilText(browser, "#model", "hidden 32");

      browser.evaluate("document.querySelector('#config').value = 'hiden = 48'");
      browser.click("#try");
      untilText(browser, "#answer", "did you mean \"hidden\"");
      assertEquals(1, training.journal("swap").size(), "nothing was changed");

      assertThat(training.stop()).isIn(130, 143);
      browser.until(NOW + ".some(r => r.cells[1].textContent === 'interrupted')");
      browser.until("document.querySelector('#fields').disabled");
      untilText(browser, "#model", "com.example.hydra.ema 1.0.0"); // built from the checkpoint
      assertEquals(List.of(), browser.errors());
    }
  }

  /** The step that the page shows, as the page and the file are not of the same moment. */
  private static void figuresAreInTheMetrics(RunningTraining training, Browser browser)
      throws Exception {
    String[] shown =
        browser
            .evaluate(
                NOW
                    + ".filter(r => /^(step|training loss)$/.test(r.cells[0].textContent))"
                    + ".map(r => r.cells[1].textContent).join(';')")
            .split(";", 2);
    long step = Long.parseLong(shown[0].replaceFirst(" of .*", "").replace(",", ""));
    Map<String, Object> line =
        Metrics.of(training.run(), "step").stream()
            .filter(each -> ((Number) each.get("step")).longValue() == step)
            .findFirst()
            .orElseThrow();
    double loss = ((Number) line.get("loss")).doubleValue();
    assertEquals(String.format(Locale.ROOT, "%.4f", loss), shown[1]);
  }

  @Test
  void finishedRunsStandSideBySideAndWithoutTheKeyNothingChanges() throws Exception {
    try (RunningTraining training =
        RunningTraining.start(folder, "run", "--set", "trainer.steps=40")) {
      assertThat(training.process().waitFor(120, TimeUnit.SECONDS)).isTrue();
      Path other = Files.createDirectories(folder.resolve("other"));
      for (String each : List.of("config.conf", "metrics.jsonl", "journal.jsonl")) {
        Files.copy(training.run().resolve(each), other.resolve(each));
      }
      try (Watch watch =
              Watch.start(training.command("watch"), training.run().toString(), other.toString());
          Browser browser = Browser.open(folder, watch.address()).listening()) {
        browser.until(NOW + ".some(r => r.cells[0].textContent === 'training loss')");
        assertEquals("finished", now(browser, "state"));
        assertEquals("40 of 40", now(browser, "step"));
        assertThat(text(browser, "#now")).contains("run", "other");
        assertThat(text(browser, "#tables")).contains("At equal steps, tokens and time");
        untilText(browser, "#model", "Model of other");
        assertEquals("true", browser.evaluate("document.querySelector('#fields').disabled"));
        assertThat(text(browser, "#change-note")).contains("no run is training");

        browser.shape(400, 800, "dark");
        assertEquals(
            "true", browser.evaluate("document.documentElement.scrollWidth <= innerWidth"));
        String dark = browser.evaluate("getComputedStyle(document.body).backgroundColor");
        browser.shape(1300, 800, "light");
        String light = browser.evaluate("getComputedStyle(document.body).backgroundColor");
        assertThat(dark).isNotEqualTo(light);
        browser.press("Tab", 9);
        assertEquals("skip", browser.evaluate("document.activeElement.className"));
        assertEquals(List.of(), browser.errors());
      }
    }
  }
}
