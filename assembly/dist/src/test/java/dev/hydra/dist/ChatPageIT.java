package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** The page of the server, in a browser: a conversation, and what the model looks at meanwhile. */
@EnabledIf("dev.hydra.dist.Browser#installed")
class ChatPageIT {
  private static final String CONFIG =
      """
      model {
        width = 16, depth = 2
        block {
          topology = parallel
          paths = [
            { mixer { type = mamba2, state = 8, head-dim = 8 } }
            { ffn { type = moe, experts = 4, hidden = 16, router { type = topk, top-k = 1 } }
              gate = learned }
            { memory { type = pkm, keys = 8, key-dim = 8, value-dim = 8, heads = 2, top-k = 2 }
              gate = learned }
          ]
        }
      }
      data { files = [corpus.txt], sequence-length = 32, validation-fraction = 0.1 }
      trainer { steps = 3, batch-size = 2, evaluation { windows = 4 } }
      """;

  private static final String TEMPLATE =
      "{% for m in messages %}{{ m.role }}: {{ m.content }}\\n{% endfor %}assistant: ";

  @TempDir Path folder;

  private Hydra hydra(String name) throws Exception {
    return new Hydra(Hydra.HOME.resolve("bin/hydra"), Files.createDirectories(folder.resolve(name)))
        .in(folder);
  }

  @BeforeEach
  void train() throws Exception {
    Files.writeString(folder.resolve("tiny.conf"), CONFIG);
    Files.writeString(folder.resolve("corpus.txt"), "one two three four five\n".repeat(400));
    Files.writeString(folder.resolve("chat.jinja"), TEMPLATE);
    Hydra.Result trained = hydra("train").run("train", "tiny.conf", "--run-dir", "run");
    assertEquals(0, trained.exitCode(), trained.toString());
  }

  @Test
  void talksAndShowsWhatTheModelLooksAt() throws Exception {
    Hydra serving = hydra("serve");
    Process server =
        serving.start("serve", "--model", "run", "--template", "chat.jinja", "--port", "0");
    try (Browser browser = Browser.open(folder, ServeIT.address(serving, server)).listening()) {
      browser.until("document.querySelector('#connection')?.innerText === 'ready'");
      browser.evaluate("document.querySelector('#text').focus()");
      browser.evaluate("document.querySelector('#tokens').value = 60");
      browser.type("Who are you?");
      browser.press("Enter", 13);
      browser.until("[...document.querySelectorAll('#log .speed')].length === 1");
      assertThat(browser.evaluate("document.querySelector('#log .speed').innerText"))
          .matches("60 tokens, the first after \\d+ ms, \\d+ tokens/s");
      assertThat(browser.evaluate("document.querySelector('#log .model').innerText")).isNotBlank();
      assertThat(browser.evaluate("document.querySelector('#log .user').innerText"))
          .isEqualTo("Who are you?");

      // An answer without end: what the model looks at is shown until it is stopped.
      browser.evaluate("document.querySelector('#tokens').value = 20000");
      browser.type("And then?");
      browser.press("Enter", 13);
      browser.until("document.querySelectorAll('#seen .cells i').length === 8");
      assertThat(browser.evaluate("document.querySelector('#seen').innerText"))
          .contains("blocks.0", "blocks.1", "load", "gate")
          .containsPattern("memory.rows\\s+\\d+ \\(\\d+%\\), \\d+ ");
      browser.press("Escape", 27);
      browser.until("!document.querySelector('#send').disabled");
      assertThat(browser.evaluate("document.querySelector('#log').innerText")).contains("stopped");

      browser.evaluate("document.querySelector('#tokens').value = 1000000");
      browser.type("Go on");
      browser.click("#send");
      browser.until("document.querySelectorAll('#log .problem').length === 1");
      assertThat(browser.evaluate("document.querySelector('#log .problem').innerText"))
          .contains("max_tokens must be between");

      browser.click("#composed summary");
      browser.until("document.querySelectorAll('#composed-parts tr').length === 8");
      assertThat(browser.evaluate("document.querySelector('#composed').innerText"))
          .contains("blocks.1.ffn.router\ttopk", "width 16", "blocks.0.memory\tpkm", "learned");
      assertEquals("true", browser.evaluate("document.querySelector('#fields').disabled"));
      assertThat(browser.evaluate("document.querySelector('#change-note').innerText"))
          .contains("--swap-dir");

      browser.shape(400, 800, "dark");
      assertEquals("true", browser.evaluate("document.documentElement.scrollWidth <= innerWidth"));
      assertEquals(
          List.of(),
          browser.errors().stream().filter(error -> !error.contains("status of 400")).toList());
      browser.shape(1300, 900, "light");
      browser.picture(Path.of("target/chat-page.png"));
    } finally {
      server.destroy();
      assertTrue(server.waitFor(60, TimeUnit.SECONDS));
    }
    assertThat(serving.err()).isEmpty();
  }

  private static void untilText(Browser browser, String selector, String part) throws Exception {
    browser.until("document.querySelector('" + selector + "').innerText.includes('" + part + "')");
  }

  @Test
  void aSwapByClickIsMadeWhileATextStreams() throws Exception {
    Hydra serving = hydra("serve");
    Process server = serving.start("serve", "--model", "run", "--swap-dir", "live", "--port", "0");
    String length = "document.querySelector('#log .model').textContent.length";
    try (Browser browser = Browser.open(folder, serving.ownersAddress()).listening()) {
      browser.until("document.querySelector('#connection')?.innerText === 'ready'");
      browser.click("#composed summary");
      untilText(browser, "#composed-parts", "hidden 16");
      browser.evaluate("document.querySelector('#tokens').value = 30000");
      browser.evaluate("document.querySelector('#text').focus()");
      browser.type("one two");
      browser.press("Enter", 13);
      browser.until(length + " > 20");

      browser.click("button[data-sites=\"blocks.0.ffn\"]");
      assertEquals("blocks.0.ffn", browser.evaluate("document.querySelector('#sites').value"));
      browser.type("hidden = 24");
      browser.evaluate("document.querySelector('#policy').value = 'drop'");
      browser.click("#do-swap");
      untilText(browser, "#answer", "swapped after step ");
      untilText(browser, "#changed-events", "hidden 16 -> 24");
      untilText(browser, "#composed-parts", "hidden 24");
      String address = ServeIT.address(serving, server);
      assertThat(get(address + "/composition?model=run")).contains("\"hidden\":24");
      assertThat(Files.readString(folder.resolve("live/journal.jsonl")))
          .contains("\"event\":\"swap\"", "hidden 16 -> 24");
      long now = Long.parseLong(browser.evaluate(length));
      browser.until(length + " > " + (now + 20));
      assertEquals("true", browser.evaluate("document.querySelector('#send').disabled"));
      browser.shape(1300, 1150, "light");
      browser.evaluate("document.querySelector('#change').scrollIntoView({behavior: 'instant'})");
      browser.picture(Path.of("target/chat-page-swap.png"));

      browser.evaluate("document.querySelector('#rollback').focus()");
      browser.press("Enter", 13);
      untilText(browser, "#answer", "rolled back after step ");
      untilText(browser, "#changed-events", "rollback");
      assertThat(get(address + "/composition?model=run")).doesNotContain("\"hidden\":24");
      now = Long.parseLong(browser.evaluate(length));
      browser.until(length + " > " + (now + 20));
      browser.press("Escape", 27);
      browser.until("!document.querySelector('#send').disabled");
      assertEquals("0", browser.evaluate("document.querySelectorAll('#log .problem').length"));
      assertEquals(List.of(), browser.errors());

      browser.shape(400, 800, "dark");
      assertEquals("true", browser.evaluate("document.documentElement.scrollWidth <= innerWidth"));
      HttpRequest keyless =
          HttpRequest.newBuilder(URI.create(address + "/rollback?model=run"))
              .POST(HttpRequest.BodyPublishers.ofString("{}"))
              .build();
      assertEquals(
          401,
          HttpClient.newHttpClient()
              .send(keyless, HttpResponse.BodyHandlers.discarding())
              .statusCode());
    } finally {
      server.destroy();
      assertTrue(server.waitFor(60, TimeUnit.SECONDS));
    }
    assertThat(serving.err()).anyMatch(line -> line.contains("swapped blocks.0.ffn"));
  }

  private static String get(String address) throws Exception {
    return HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(URI.create(address)).build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }
}
