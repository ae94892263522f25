package dev.hydra.huggingface;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.typesafe.config.ConfigFactory;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelFiles;
import dev.hydra.composer.model.Parameter;
import dev.hydra.libtorch.runtime.Tensors;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import dev.hydra.libtorch.safetensors.TensorInfo;
import dev.hydra.libtorch.safetensors.TensorReplacements;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model that was trained further goes back with the weights that it has by then. */
class TrainedExportTest {
  private static final String OURS = "blocks.1.moe.gate_up.weight";

  @TempDir Path folder;

  @Test
  void changedExpertsGoBack() throws IOException {
    Golden golden = Golden.of("jamba");
    Path checkpoint = Files.createDirectory(folder.resolve("checkpoint"));
    try (PointerScope scope = new PointerScope();
        Model model = golden.load(folder, ScalarType.Float)) {
      Parameter experts =
          model.parameters().all().stream()
              .filter(parameter -> parameter.name().equals(OURS))
              .findFirst()
              .orElseThrow();
      model.parameters().load(OURS, Tensors.mul(experts.master().detach(), 2));
      ModelFiles.save(model, checkpoint.resolve(Shards.FILE));
    }
    // As a run keeps it: resolved, and beside what the run was told.
    String balanced = golden.published().text().replace("balance-loss = 0", "balance-loss = 0.01");
    Files.writeString(
        checkpoint.resolve("config.conf"),
        ConfigFiles.render(ConfigFactory.parseString(balanced + "trainer { steps = 3 }")));

    Path back = folder.resolve("back");
    Path description = golden.folder().resolve("config.json");
    HuggingFace.exportModel(
        checkpoint,
        Optional.empty(),
        Optional.of(description),
        back,
        Golden.COMPONENTS,
        Progress.NONE);
    assertEquals(8, doubled(golden, back));
  }

  @Test
  void averagesGoInThePlaceOfTheirParameters() throws IOException {
    Golden golden = Golden.of("jamba");
    Path ours = folder.resolve("ours");
    HuggingFace.importModel(golden.folder(), ours, Golden.COMPONENTS, Progress.NONE);
    Path averages = folder.resolve("averages.safetensors");
    try (PointerScope scope = new PointerScope();
        SafetensorsFile weights = SafetensorsFile.open(ours.resolve(Shards.FILE))) {
      SafetensorsWriter.write(
          averages, Map.of(OURS + ".ema", Tensors.mul(weights.read(OURS), 2)), Map.of());
    }
    Path back = folder.resolve("back");
    HuggingFace.exportModel(
        ours,
        Optional.of(new TensorReplacements(averages, Map.of(OURS, OURS + ".ema"))),
        Optional.empty(),
        back,
        Golden.COMPONENTS,
        Progress.NONE);
    assertEquals(8, doubled(golden, back));
  }

  /** What low-rank adapters add is in the export, as in what the training computed with. */
  @Test
  void adaptersAreMerged() throws IOException {
    Golden golden = Golden.of("jamba");
    Path run = folder.resolve("run");
    Path checkpoint = Files.createDirectories(run.resolve("checkpoints/step-000001"));
    Files.copy(golden.folder().resolve("config.json"), run.resolve(HuggingFace.KEPT_CONFIG));
    Files.writeString(checkpoint.resolve("config.conf"), golden.published().text());
    Path back = folder.resolve("back");
    Path ours = folder.resolve("ours");
    try (PointerScope scope = new PointerScope();
        Model model = golden.load(folder, ScalarType.Float)) {
      model.parameters().adapt(OURS::equals, 2, 4);
      Parameter b = model.parameters().byName().get(OURS + ".lora_b");
      b.load(torch.randn(b.spec().sizes()));
      model.parameters().adapters().merge();
      ModelFiles.save(model, checkpoint.resolve(Shards.FILE));
      HuggingFace.exportModel(
          checkpoint, Optional.empty(), Optional.empty(), back, Golden.COMPONENTS, Progress.NONE);
      HuggingFace.importModel(back, ours, Golden.COMPONENTS, Progress.NONE);
      try (SafetensorsFile merged = SafetensorsFile.open(ours.resolve(Shards.FILE))) {
        for (TensorInfo info : merged.tensors()) {
          Tensor computed = model.parameters().byName().get(info.name()).working();
          assertTrue(merged.read(info.name()).equal(computed), info.name());
        }
      }
    }
    try (Stream<Path> files = Files.list(back)) {
      assertEquals(
          List.of("config.json", "model.safetensors"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
  }

  /** How many tensors of an export are twice what they were; the others are the same. */
  private static int doubled(Golden golden, Path back) throws IOException {
    int changed = 0;
    try (PointerScope scope = new PointerScope();
        SafetensorsFile before = SafetensorsFile.open(golden.folder().resolve(Shards.FILE));
        SafetensorsFile after = SafetensorsFile.open(back.resolve(Shards.FILE))) {
      assertEquals(before.tensors(), after.tensors());
      for (TensorInfo info : before.tensors()) {
        boolean twice = info.name().matches(".*\\.1\\..*experts.*(gate|up)_proj.weight");
        Tensor expected = Tensors.mul(before.read(info.name()), twice ? 2 : 1);
        assertTrue(expected.equal(after.read(info.name())), info.name());
        changed += twice ? 1 : 0;
      }
    }
    return changed;
  }
}
