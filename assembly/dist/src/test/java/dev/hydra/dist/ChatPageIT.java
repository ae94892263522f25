package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** The page of the server, in a browser: a conversation, and what the model looks at meanwhile. */
@EnabledIf("dev.hydra.dist.NodeScript#checksPages")
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
    try {
      String address = ServeIT.address(serving, server);
      NodeScript.page("chat.mjs").passes(folder, Map.of("ADDRESS", address));
    } finally {
      server.destroy();
      assertTrue(server.waitFor(60, TimeUnit.SECONDS));
    }
    assertThat(serving.err()).isEmpty();
  }

  @Test
  void aSwapByClickIsMadeWhileATextStreams() throws Exception {
    Hydra serving = hydra("serve");
    Process server = serving.start("serve", "--model", "run", "--swap-dir", "live", "--port", "0");
    try {
      String journal = folder.resolve("live/journal.jsonl").toString();
      NodeScript.page("chat-swap.mjs")
          .passes(folder, Map.of("ADDRESS", serving.ownersAddress(), "JOURNAL", journal));
    } finally {
      server.destroy();
      assertTrue(server.waitFor(60, TimeUnit.SECONDS));
    }
    assertThat(serving.err()).anyMatch(line -> line.contains("swapped blocks.0.ffn"));
  }
}
