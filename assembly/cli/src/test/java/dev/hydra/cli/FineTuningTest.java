package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.composer.model.ModelFiles;
import dev.hydra.trainer.metrics.MetricLine;
import dev.hydra.trainer.metrics.MetricsFile;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model that was trained on text learns to answer in conversations, by low-rank adapters. */
class FineTuningTest {
  private static final String CHATS =
      """
      data {
        source = chat, files = [chats.jsonl], template = chat.jinja, packing = documents
        tokenizer = bytes, sequence-length = 64, validation-fraction = 0.2
      }
      optimizer { learning-rate = 0.02, schedule = constant, warmup-steps = 0 }
      trainer {
        steps = 60, batch-size = 4, precision = fp32
        lora { targets = ["*.mixer.*", "*.ffn.*"], rank = 4, alpha = 16 }
        evaluation { every = 30, windows = 8 }
      }
      """;

  @TempDir Path folder;
  private Path base;
  private Path conf;

  @BeforeEach
  void train() throws IOException {
    Path text = TinyModel.write(folder);
    Files.writeString(
        folder.resolve("corpus.txt"), "<user>assistant; say ann bob eve joe yes no\n".repeat(300));
    base = folder.resolve("base");
    run(
            "train",
            text,
            "--run-dir",
            base,
            "--set",
            "trainer.steps=80",
            "--set",
            "optimizer.learning-rate=0.02",
            "--device",
            "cpu")
        .done();
    Files.writeString(
        folder.resolve("chat.jinja"),
        "{% for m in messages %}<{{ m.role }}>{{ m.content }};{% endfor %}"
            + "{% if add_generation_prompt %}<assistant>{% endif %}");
    StringBuilder chats = new StringBuilder();
    for (int i = 0; i < 100; i++) {
      String name = List.of("ann", "bob", "eve", "joe").get(i % 4);
      chats.append(
          "{\"messages\":[{\"role\":\"user\",\"content\":\"say "
              + name
              + "\"},{\"role\":\"assistant\",\"content\":\"yes yes\"}]}\n");
    }
    Files.writeString(folder.resolve("chats.jsonl"), chats);
    conf = Files.writeString(folder.resolve("chats.conf"), CHATS);
  }

  private Path tune(String name, Object... more) {
    Path run = folder.resolve(name);
    Object[] all = new Object[6 + more.length];
    List<Object> first = List.of("train", conf, "--init-from", base, "--run-dir", run);
    for (int i = 0; i < all.length; i++) {
      all[i] = i < 6 ? first.get(i) : more[i - 6];
    }
    assertThat(run(all).done().err())
        .contains("weights: ", "parameters are trained", "low-rank adapters of rank 4 on");
    return run;
  }

  @Test
  void learnsToAnswer() throws IOException {
    Path run = tune("tuned");
    List<MetricLine> lines = new MetricsFile(run.resolve("metrics.jsonl")).all();
    List<Double> losses =
        lines.stream()
            .filter(line -> line.kind().equals(MetricLine.STEP))
            .map(line -> line.number("loss"))
            .toList();
    assertThat(losses.get(losses.size() - 1)).isLessThan(losses.get(0) / 4);
    double heldOut =
        lines.stream()
            .filter(line -> line.kind().equals(MetricLine.VALIDATION))
            .reduce((before, last) -> last)
            .orElseThrow()
            .number("loss");
    assertThat(heldOut).isLessThan(losses.get(0) / 4);

    String answer = generate(run);
    assertThat(answer).isEqualTo("yes yes");
    Path checkpoint = run.resolve("checkpoints/step-000060");
    Path merged = Files.createDirectory(folder.resolve("merged"));
    Files.copy(checkpoint.resolve("config.conf"), merged.resolve("config.conf"));
    ModelFiles.merge(
        checkpoint.resolve("model.safetensors"),
        Optional.empty(),
        merged.resolve("model.safetensors"));
    assertEquals(answer, generate(merged));
    assertThat(run("eval", "--model", run, "--device", "cpu").done().out())
        .contains("bits per byte");
  }

  private static String generate(Path model) {
    return run(
            "generate",
            "--model",
            model,
            "--prompt",
            "<user>say bob;<assistant>",
            "--max-tokens",
            "7",
            "--temperature",
            "0",
            "--precision",
            "fp32",
            "--device",
            "cpu")
        .done()
        .out()
        .strip();
  }

  @Test
  void goesOnWithoutTheWeightsThatItBeganWith() throws IOException {
    Path run = tune("tuned", "--set", "trainer.steps=4");
    Files.move(base, folder.resolve("gone"));
    assertThat(run("train", "--resume", "--run-dir", run, "--set", "trainer.steps=6").done().err())
        .contains("resuming after step 4")
        .doesNotContain("weights: ");
  }

  /** With the template that it was trained with, wherever that was, and so do those after it. */
  @Test
  void aRunCarriesItsChatTemplate() throws IOException {
    Path run = tune("tuned", "--set", "trainer.steps=2");
    Path template = Files.move(folder.resolve("chat.jinja"), folder.resolve("gone.jinja"));
    assertThat(run.resolve("tokenizer/chat_template.jinja")).hasSameBinaryContentAs(template);
    Path messages =
        Files.writeString(
            folder.resolve("messages.json"), "[{\"role\":\"user\",\"content\":\"say bob\"}]");
    Path plain = folder.resolve("plain");
    run(
            "train",
            folder.resolve("tiny.conf"),
            "--init-from",
            run,
            "--run-dir",
            plain,
            "--device",
            "cpu")
        .done();
    for (Path model : List.of(run, run.resolve("checkpoints/step-000002"), plain)) {
      assertThat(
              run("tokenizer", "chat", model, "--messages", messages, "--generation-prompt")
                  .done()
                  .out())
          .isEqualTo("<user>say bob;<assistant>");
    }
    assertThat(chat(run, "say bob\n").out()).isNotBlank();
    assertThat(run("train", "--resume", "--run-dir", run).refused(2, "chat.jinja").err())
        .contains("data.template");
  }

  private static CommandLineRunner.Outcome chat(Path model, String lines) {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(lines.getBytes(StandardCharsets.UTF_8)));
    try {
      return run("chat", model, "-n", "4", "--temperature", "0", "--device", "cpu").done();
    } finally {
      System.setIn(before);
    }
  }

  @Test
  void whatIsMissingIsSaid() throws IOException {
    Files.delete(folder.resolve("chat.jinja"));
    run("train", conf, "--init-from", base, "--run-dir", folder.resolve("no"))
        .refused(2, "data.template: ")
        .refused(2, "chat.jinja");
    run(
            "train",
            conf,
            "--init-from",
            base,
            "--run-dir",
            folder.resolve("no"),
            "--set",
            "data.template=" + folder.resolve("elsewhere.jinja"))
        .refused(2, "elsewhere.jinja");
  }
}
