package dev.hydra.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.hydra.libtorch.safetensors.DType;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that do not hold what the description says are refused. */
class TensorFaultsTest extends PublishedFolderTest {
  @Test
  void tensors() throws IOException {
    copy(Golden.of("llama"));
    String mlp = "model.layers.0.mlp.";
    editTensors(
        tensors -> {
          Tensor up = tensors.remove(mlp + "up_proj.weight");
          tensors.put(mlp + "down_proj.weight", up);
          tensors.put(mlp + "gate_proj.weight", up.to(ScalarType.Long));
          tensors.put("extra", up);
        });
    contains(
        refused(IOException.class),
        "missing: " + mlp + "up_proj.weight",
        "of another shape: " + mlp + "down_proj.weight [128, 64] for [64, 128]",
        "of another type than F32, BF16, F16 and F64: " + mlp + "gate_proj.weight I64",
        "not in the model: extra");
  }

  @Test
  void everyMissingTensorIsListed() throws IOException {
    copy(Golden.of("mixtral"));
    List<String> removed = new ArrayList<>();
    editTensors(
        tensors -> {
          tensors.keySet().stream().filter(name -> name.contains("experts")).forEach(removed::add);
          tensors.keySet().removeAll(removed);
        });
    assertEquals(24, removed.size());
    contains(refused(IOException.class), removed.toArray(String[]::new));
  }

  @Test
  void endlessListsAreCut() {
    Problems problems = new Problems();
    IntStream.range(0, 103).forEach(i -> problems.add("missing", "t" + i));
    String message =
        String.valueOf(
            assertThrows(IOException.class, () -> problems.throwIfAny("x")).getMessage());
    assertThat(message).endsWith("t98, t99 and 3 more");
  }

  @Test
  void expertsOfDifferentTypes() throws IOException {
    copy(Golden.of("jamba"));
    String expert = "model.layers.1.feed_forward.experts.2.up_proj.weight";
    editTensors(tensors -> tensors.compute(expert, (n, t) -> t.to(ScalarType.BFloat16)));
    contains(refused(IOException.class), "of different types, but kept together", "experts.0");
  }

  /** Each tensor keeps its type; the larger types come first, as the reference library does. */
  @Test
  void typesMayDiffer() throws IOException {
    copy(Golden.of("mamba2"));
    editTensors(
        tensors ->
            tensors.replaceAll(
                (name, tensor) ->
                    name.endsWith("A_log") ? tensor : tensor.to(ScalarType.BFloat16)));
    importIt();
    Path back = folder.resolve("back");
    HuggingFace.exportModel(
        out, Optional.empty(), Optional.empty(), back, Golden.COMPONENTS, Progress.NONE);
    try (PointerScope scope = new PointerScope();
        SafetensorsFile before = SafetensorsFile.open(published.resolve(Shards.FILE));
        SafetensorsFile after = SafetensorsFile.open(back.resolve(Shards.FILE))) {
      List<TensorInfo> tensors = after.tensors();
      assertEquals(before.tensors().size(), tensors.size());
      for (int i = 0; i < tensors.size(); i++) {
        String name = tensors.get(i).name();
        assertEquals(i < 2 ? DType.F32 : DType.BF16, tensors.get(i).dtype(), name);
        assertTrue(before.read(name).equal(after.read(name)), name);
      }
    }
  }

  @Test
  void tiedHeadsMustBeEqual() throws IOException {
    copy(Golden.of("mamba"));
    String table = "backbone.embeddings.weight";
    editTensors(tensors -> tensors.put("lm_head.weight", tensors.get(table).clone()));
    importIt();
    out = folder.resolve("again");
    editTensors(tensors -> tensors.put("lm_head.weight", torch.zeros_like(tensors.get(table))));
    contains(refused(IOException.class), "lm_head.weight differs from " + table);
  }

  /** Older files have the embedding of Mamba under another name, which is not written again. */
  @ParameterizedTest
  @ValueSource(strings = {"mamba", "mamba2"})
  void formerNames(String family) throws IOException {
    copy(Golden.of(family));
    byte[] config = Files.readAllBytes(published.resolve("config.json"));
    byte[] weights = Files.readAllBytes(published.resolve(Shards.FILE));
    editTensors(
        tensors -> {
          Tensor table = Objects.requireNonNull(tensors.remove("backbone.embeddings.weight"));
          tensors.put("backbone.embedding.weight", table);
          tensors.putIfAbsent("lm_head.weight", table.clone());
        });
    importIt();
    Path back = folder.resolve("back");
    HuggingFace.exportModel(
        out, Optional.empty(), Optional.empty(), back, Golden.COMPONENTS, Progress.NONE);
    assertArrayEquals(config, Files.readAllBytes(back.resolve("config.json")));
    assertArrayEquals(weights, Files.readAllBytes(back.resolve(Shards.FILE)));
  }

  /** Else transformers would load the weights in a type that they do not have. */
  @Test
  void descriptionsHaveTheTypeOfTheWeights() throws IOException {
    copy(Golden.of("llama"));
    String other = "\"use_cache\": true, \"note\": [ { \"dtype\": \"float32\" }, \"dtype\" ]";
    edit("config.json", "\"use_cache\": true", other + ",\n  \"torch_dtype\" : \"float16\"");
    String config = Files.readString(published.resolve("config.json"));
    editTensors(tensors -> tensors.replaceAll((name, tensor) -> tensor.to(ScalarType.BFloat16)));
    importIt();
    Path back = folder.resolve("back");
    assertEquals(
        List.of(
            "config.json: dtype: is bfloat16 as the weights, not float32",
            "config.json: torch_dtype: is bfloat16 as the weights, not float16"),
        HuggingFace.exportModel(
            out, Optional.empty(), Optional.empty(), back, Golden.COMPONENTS, Progress.NONE));
    assertEquals(
        config
            .replace("\n  \"dtype\": \"float32\"", "\n  \"dtype\": \"bfloat16\"")
            .replace("\"torch_dtype\" : \"float16\"", "\"torch_dtype\" : \"bfloat16\""),
        Files.readString(back.resolve("config.json")));
  }

  @Test
  void damagedFiles() throws IOException {
    copy(Golden.of("llama"));
    byte[] bytes = Files.readAllBytes(published.resolve(Shards.FILE));
    Files.write(published.resolve(Shards.FILE), Arrays.copyOf(bytes, bytes.length - 9));
    contains(refused(IOException.class), "model.safetensors", "but the file has only");
    Files.delete(published.resolve(Shards.FILE));
    contains(refused(IOException.class), "neither model.safetensors nor");
    Files.deleteIfExists(published.resolve("io.safetensors"));
    contains(refused(IOException.class), "only safetensors are read");
    Files.writeString(published.resolve("model-00001-of-00002.safetensors"), "");
    contains(
        refused(IOException.class), "there is model-00001-of-00002.safetensors, but not the index");
  }

  @Test
  void indices() throws IOException {
    copy(Golden.variant("granite-experts"));
    String second = "model-00002-of-00002.safetensors";
    String index = Files.readString(published.resolve(Shards.INDEX));
    String norm = "\"model.norm.weight\": \"";
    int at = index.indexOf(norm) + norm.length();
    String file = index.substring(at, index.indexOf('"', at));

    edit(Shards.INDEX, norm + file, "\"model.norm.wait\": \"" + file);
    contains(
        refused(IOException.class),
        "not in the file that the index names: model.norm.wait",
        "not in the index: model.norm.weight");
    edit(Shards.INDEX, "model.norm.wait\": \"" + file, "model.norm.wait\": \"../" + file);
    contains(refused(IOException.class), "is not the name of a file beside it");
    Files.writeString(published.resolve(Shards.INDEX), index);
    Files.move(published.resolve(second), folder.resolve("moved"));
    assertThat(String.valueOf(assertThrows(IOException.class, this::importIt).getMessage()))
        .contains("names " + second + ", but that file is missing");
    Files.move(folder.resolve("moved"), published.resolve(second));
    Files.copy(
        published.resolve(second),
        published.resolve("model-00001-of-00002.safetensors"),
        StandardCopyOption.REPLACE_EXISTING);
    contains(refused(IOException.class), "is in model-00001-of-00002.safetensors and in " + second);
  }
}
