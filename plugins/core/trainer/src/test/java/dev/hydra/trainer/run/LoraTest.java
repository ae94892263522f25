package dev.hydra.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.api.ConfigException;
import dev.hydra.composer.model.ForwardContext;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelFiles;
import dev.hydra.composer.model.Parameter;
import dev.hydra.composer.model.Placement;
import dev.hydra.composer.swap.SwapRequest.UnexpectedKeys;
import dev.hydra.data.Dataset;
import dev.hydra.data.Tokenizer;
import dev.hydra.libtorch.autograd.Grad;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import dev.hydra.testing.InScope;
import dev.hydra.trainer.run.Trials.Events;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Training by low-rank adapters. */
@ExtendWith(InScope.class)
class LoraTest {
  private static final String TARGETS = "targets = [\"*.mixer.*\", \"*.ffn.*\"]";
  private static final String LORA =
      "trainer { steps = 6, accumulate = 2, lora { " + TARGETS + ", rank = 2, alpha = 8 } }";

  @TempDir Path folder;

  @BeforeEach
  void corpus() throws IOException {
    Trials.corpus(folder);
  }

  private Events run(String name, String overrides) throws IOException {
    return Trials.run(folder, folder.resolve(name), overrides);
  }

  private Path model(String run, int step) {
    return new RunFolder(folder.resolve(run)).checkpoint(step).resolve(Checkpoint.MODEL);
  }

  private static Model build(ScalarType type) {
    return Model.build(
        Trials.experiment("").model(), Trials.COMPONENTS, new Placement(Devices.cpu(), type), 3);
  }

  private static double[] hidden(Model model) {
    Tensor tokens = Tensors.range(0, 40, Tensor.create(1L)).unsqueeze(0);
    try (ForwardContext forward = ForwardContext.evaluation();
        Grad off = Grad.off()) {
      return Tensors.numbers(model.hidden(tokens, forward));
    }
  }

  private static LoraSettings lora(String settings) {
    return Trials.experiment("trainer.lora { " + settings + " }").trainer().lora().orElseThrow();
  }

  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16", "Double"})
  void beginsAsTheModelThatItAdapts(ScalarType type) {
    try (Model model = build(type)) {
      double[] before = hidden(model);
      lora(TARGETS + ", rank = 4").adapt(model, warning -> {});
      assertArrayEquals(before, hidden(model), 0);
    }
  }

  @Test
  void trainsTheAdaptersOnly() throws IOException {
    Events whole = run("whole", "trainer.steps = 6");
    Events events = run("lora", LORA);
    assertTrue(events.steps.get(5).loss() < events.steps.get(0).loss() - 0.01, "it learns");
    assertEquals(whole.steps.get(0).loss(), events.steps.get(0).loss(), 0.2, "from the same model");
    Map<String, double[]> now = values(model("lora", 6));
    Map<String, double[]> drawn = new TreeMap<>();
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("drawn"), "", new Events())) {
      for (Parameter each : trainer.model().parameters().all()) {
        drawn.put(each.name(), Tensors.numbers(each.master()));
      }
    }
    drawn.forEach((name, values) -> assertArrayEquals(values, now.get(name), 0, name));
    assertThat(now).containsKey("blocks.1.ffn.gate_up.weight.lora_b");
    assertTrue(
        Arrays.stream(now.get("blocks.1.ffn.gate_up.weight.lora_b")).anyMatch(each -> each != 0));
    try (SafetensorsFile optimizer =
        SafetensorsFile.open(model("lora", 6).resolveSibling(Checkpoint.OPTIMIZER))) {
      assertThat(optimizer.tensors().stream().map(TensorInfo::name).toList())
          .isNotEmpty()
          .allMatch(name -> name.contains(".lora_") || !name.contains("blocks."));
    }
    assertThat(Files.readString(folder.resolve("lora/journal.jsonl")))
        .contains("\"event\":\"lora\"", "low-rank adapters of rank 2 on 10 linear maps");
  }

  private static Map<String, double[]> values(Path file) throws IOException {
    Map<String, double[]> values = new TreeMap<>();
    try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
      for (TensorInfo info : tensors.tensors()) {
        values.put(info.name(), Tensors.numbers(tensors.read(info.name())));
      }
    }
    return values;
  }

  /** What a model without adapters reads of the checkpoint computes what the training did. */
  @ParameterizedTest
  @EnumSource(
      value = ScalarType.class,
      names = {"Float", "BFloat16", "Double"})
  void mergedIsWhatWasTrained(ScalarType type) throws IOException {
    run("lora", LORA);
    Path merged = folder.resolve("merged.safetensors");
    assertTrue(ModelFiles.adapted(model("lora", 6)));
    ModelFiles.merge(model("lora", 6), Optional.empty(), merged);
    try (Model adapted = build(type);
        Model plain = build(type);
        Model file = build(type)) {
      lora(TARGETS + ", rank = 2, alpha = 8").adapt(adapted, warning -> {});
      ModelFiles.load(adapted, model("lora", 6));
      ModelFiles.load(plain, model("lora", 6));
      ModelFiles.load(file, merged);
      double tolerance = type == ScalarType.Double ? 1e-6 : 0; // sums of float32 are rounded once
      assertArrayEquals(hidden(adapted), hidden(plain), tolerance);
      assertArrayEquals(hidden(plain), hidden(file), 0);
      assertThat(hidden(plain)).isNotEqualTo(hidden(build(type)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"fp32", "bf16"})
  void resumesBitForBit(String precision) throws IOException {
    String overrides = LORA + ", trainer.precision = " + precision + ", trainer.ema.decay = 0.5";
    Events whole = run("whole", overrides);
    Events first = new Events();
    Path parts = folder.resolve("parts");
    try (Trainer trainer = Trials.trainer(folder, parts, overrides, first)) {
      trainer.run(() -> first.steps.size() == 3);
    }
    Events second = new Events();
    try (Trainer trainer = Trials.trainer(folder, parts, overrides, second)) {
      trainer.resume(UnexpectedKeys.ERROR);
      trainer.run(() -> false);
    }
    assertEquals(whole.losses().subList(3, 6), second.losses());
    assertArrayEquals(Files.readAllBytes(model("whole", 6)), Files.readAllBytes(model("parts", 6)));
    String other = LORA.replace("alpha = 8", "alpha = 9");
    try (Trainer trainer = Trials.trainer(folder, parts, other, new Events())) {
      IOException refused =
          assertThrows(IOException.class, () -> trainer.resume(UnexpectedKeys.ERROR));
      assertThat(refused).hasMessageContaining("alpha / rank = 4.0, those of the model 4.5");
    }
  }

  /** The averages of a run by adapters are those of the adapters, and are merged likewise. */
  @Test
  void averagesAreMerged() throws IOException {
    run("lora", LORA + ", trainer.ema.decay = 0.5");
    Checkpoint checkpoint = new RunFolder(folder.resolve("lora")).checkpoints().get(0);
    Path merged = folder.resolve("merged.safetensors");
    ModelFiles.merge(model("lora", 6), checkpoint.averages(), merged);
    try (Model last = build(ScalarType.Float);
        Model averaged = build(ScalarType.Float);
        Model file = build(ScalarType.Float)) {
      ModelFiles.load(last, model("lora", 6));
      ModelFiles.load(averaged, model("lora", 6));
      ModelFiles.load(averaged, model("lora", 6), checkpoint.averages().orElseThrow());
      ModelFiles.load(file, merged);
      assertThat(hidden(averaged)).isNotEqualTo(hidden(last));
      assertArrayEquals(hidden(averaged), hidden(file), 0);
    }
  }

  /** A second training begins with what the first came to, merged. */
  @Test
  void anotherTrainingBeginsWithIt() throws IOException {
    run("lora", LORA);
    Path from = model("lora", 6).resolveSibling(".").normalize();
    String overrides = LORA + ", trainer.init-from = \"" + from + "\"";
    try (Trainer trainer = Trials.trainer(folder, folder.resolve("next"), overrides, new Events());
        Model plain = build(ScalarType.Float)) {
      ModelFiles.load(plain, model("lora", 6));
      assertArrayEquals(hidden(plain), hidden(trainer.model()), 0);
    }
  }

  @Test
  void whatCannotBeAdaptedIsSaid() throws IOException {
    try (Model model = build(ScalarType.Float)) {
      assertThat(refusal("targets = [\"*.mixer.*\", \"*.q_proj\"]", model))
          .contains(
              "trainer.lora.targets", "no parameter is like *.q_proj", "blocks.0.mixer.in_proj");
      assertThat(refusal("targets = [\"*.A_log\"]", model))
          .contains(
              "no linear map is like *.A_log, only blocks.0.mixer.A_log, blocks.1.mixer.A_log");
      assertThat(refusal(TARGETS + ", rank = 64", model))
          .contains("trainer.lora.rank: is 64, more than the smaller side of every linear map");
      List<String> warnings = new java.util.ArrayList<>();
      lora(TARGETS + ", rank = 5").adapt(model, warnings::add);
      assertThat(warnings.get(0))
          .contains("rank = 5 is more than the smaller side of blocks.0.ffn.router.weight [4, 16]");
    }
    ConfigException stages =
        assertThrows(
            ConfigException.class,
            () -> Trials.experiment(LORA + ", trainer.stages = [ { name = a } ]"));
    assertThat(stages).hasMessageContaining("cannot be trained in stages");
  }

  /** A run that is refused leaves no files of its tokenizer behind, so that its folder can go. */
  @Test
  void aRefusedRunHasNoTokenizerYet() throws IOException {
    Experiment experiment = Trials.experiment("trainer.lora { targets = [none] }");
    Dataset data = experiment.open(List.of(folder), bytes -> {}).get(0);
    Path file = folder.resolve("corpus.txt");
    Dataset carried =
        new Dataset(
            new FileTokenizer(data.tokenizer(), file),
            data.corpora(),
            data.train(),
            data.validation());
    RunFolder run = new RunFolder(folder.resolve("run"));
    assertThrows(
        ConfigException.class,
        () ->
            new Trainer(
                experiment, List.of(carried), Trials.COMPONENTS, Devices.cpu(), run, new Events()));
    assertThat(run.tokenizer()).doesNotExist();
  }

  /** A tokenizer that a run takes a file of along. */
  private record FileTokenizer(Tokenizer tokenizer, Path file) implements Tokenizer {
    @Override
    public int vocabSize() {
      return tokenizer.vocabSize();
    }

    @Override
    public void encode(byte[] text, IntConsumer sink) {
      tokenizer.encode(text, sink);
    }

    @Override
    public byte[] bytes(int token) {
      return tokenizer.bytes(token);
    }

    @Override
    public List<Path> files() {
      return List.of(file);
    }
  }

  private static String refusal(String settings, Model model) {
    return String.valueOf(
        assertThrows(ConfigException.class, () -> lora(settings).adapt(model, warning -> {}))
            .getMessage());
  }
}
