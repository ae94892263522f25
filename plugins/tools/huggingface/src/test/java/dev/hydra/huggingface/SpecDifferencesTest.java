package dev.hydra.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.hydra.api.ConfigException;
import dev.hydra.composer.config.ConfigFiles;
import dev.hydra.composer.spec.ModelSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Models that compute the same are the same, however they are written. */
class SpecDifferencesTest {
  private static final Path CONFIGS = Path.of("../../../configs/families");

  @TempDir Path folder;

  /** What config.json says of the models that come with the project. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "llama-3.2-1b | llama | 'vocab_size': 128256, 'hidden_size': 2048, 'num_hidden_layers': 16,"
            + " 'intermediate_size': 8192, 'num_attention_heads': 32, 'num_key_value_heads': 8,"
            + " 'rms_norm_eps': 1e-5, 'tie_word_embeddings': true, 'rope_theta': 500000.0,"
            + " 'rope_scaling': { 'rope_type': 'llama3', 'factor': 32.0, 'low_freq_factor': 1.0,"
            + " 'high_freq_factor': 4.0, 'original_max_position_embeddings': 8192 }",
        "mixtral-8x7b | mixtral | 'vocab_size': 32000, 'hidden_size': 4096,"
            + " 'num_hidden_layers': 32, 'intermediate_size': 14336, 'rope_theta': 1e6",
        "mamba-130m | mamba | 'vocab_size': 50280, 'hidden_size': 768, 'num_hidden_layers': 24",
        "mamba2-130m | mamba2 | 'vocab_size': 50288, 'hidden_size': 768, 'num_hidden_layers': 24,"
            + " 'num_heads': 24, 'n_groups': 1, 'tie_word_embeddings': true",
        "jamba-v0.1 | jamba | 'vocab_size': 65536, 'hidden_size': 4096, 'num_hidden_layers': 32,"
            + " 'intermediate_size': 14336",
        "bamba-9b | bamba | 'vocab_size': 128256, 'hidden_size': 4096, 'num_hidden_layers': 32,"
            + " 'intermediate_size': 14336, 'mamba_n_heads': 128, 'mamba_d_state': 128,"
            + " 'attn_layer_indices': [9, 18, 27]",
        "falcon-h1-0.5b | falcon_h1 | 'vocab_size': 32784, 'hidden_size': 1024,"
            + " 'num_hidden_layers': 36, 'intermediate_size': 2048, 'mamba_d_ssm': 1536,"
            + " 'mamba_n_heads': 24, 'mamba_d_state': 128, 'num_attention_heads': 8,"
            + " 'num_key_value_heads': 2, 'head_dim': 64, 'rope_theta': 1e11",
      })
  void familiesAreWhatTheirDescriptionsSay(String name, String type, String keys)
      throws IOException {
    Path file = folder.resolve("config.json");
    Files.writeString(file, ("{ 'model_type': '" + type + "', " + keys + " }").replace('\'', '"'));
    assertEquals(
        List.of(),
        SpecDifferences.between(
            PublishedModel.read(file).spec(),
            ModelSpec.read(ConfigFiles.load(CONFIGS.resolve(name + ".conf"), List.of())),
            Golden.COMPONENTS));
  }

  @Test
  void differencesAreNamed() throws IOException {
    Path file = Golden.of("mixtral").folder().resolve("config.json");
    ModelSpec published = PublishedModel.read(file).spec();
    assertEquals(List.of(), differences(published, "balance-loss = 0", "balance-loss = 0.5"));
    assertEquals(List.of(), differences(published, "rope-theta = 1000000", "rope-theta = 1e6"));
    assertEquals(
        List.of("blocks.0.mixer: heads is 8, not 4", "blocks.1.mixer: heads is 8, not 4"),
        differences(published, "{ type = full, heads = 4", "{ type = full, heads = 8"));
    assertEquals(
        List.of("blocks.0.ffn: router.top-k is 3, not 2", "blocks.1.ffn: router.top-k is 3, not 2"),
        differences(published, "top-k = 2", "top-k = 3"));
    assertEquals(
        List.of(
            "blocks.0.ffn: router.type is token-hash, not topk",
            "blocks.1.ffn: router.type is token-hash, not topk"),
        differences(
            published,
            "type = topk, top-k = 2, balance-loss = 0, z-loss = 0",
            "type = token-hash, top-k = 2"));
    assertEquals(
        List.of(
            "blocks.0.ffn: router.score is sigmoid, not its default (softmax)",
            "blocks.1.ffn: router.score is sigmoid, not its default (softmax)"),
        differences(published, "top-k = 2", "top-k = 2, score = sigmoid"));
  }

  @Test
  void optionsThatThereAreNotAreNamed() throws IOException {
    Path file = Golden.of("mixtral").folder().resolve("config.json");
    ModelSpec published = PublishedModel.read(file).spec();
    ConfigException e =
        assertThrows(ConfigException.class, () -> differences(published, "top-k = 2", "top-j = 2"));
    assertThat(e.getMessage()).contains("blocks.0.ffn.router.top-j: ");
  }

  /** The shapes of the weights say whether derived sizes agree. */
  @Test
  void derivedSizesMayBeLeftOut() throws IOException {
    Path file = Golden.of("mixtral").folder().resolve("config.json");
    ModelSpec published = PublishedModel.read(file).spec();
    assertEquals(List.of(), differences(published, "kv-heads = 2, head-dim = 16, ", ""));
    assertEquals(2, differences(published, "kv-heads = 2", "kv-heads = 1").size());
  }

  private List<String> differences(ModelSpec published, String from, String to) throws IOException {
    String text = Golden.of("mixtral").published().text();
    Path ours = Files.writeString(folder.resolve("ours.conf"), text.replace(from, to));
    if (text.equals(Files.readString(ours))) {
      throw new AssertionError("no " + from + " in " + text);
    }
    return SpecDifferences.between(
        published, ModelSpec.read(ConfigFiles.load(ours, List.of())), Golden.COMPONENTS);
  }
}
