package dev.hydra.huggingface;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.hydra.api.PluginRegistry;
import dev.hydra.composer.model.Components;
import dev.hydra.composer.model.Model;
import dev.hydra.composer.model.ModelFiles;
import dev.hydra.composer.model.Placement;
import dev.hydra.libtorch.runtime.Devices;
import dev.hydra.libtorch.safetensors.SafetensorsFile;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A tiny random model of a family with inputs and what transformers 5.17 computes of them in
 * float32: logits, loss, gradients and a greedy continuation.
 */
record Golden(Path folder) {
  static final Components COMPONENTS =
      Components.of(
          PluginRegistry.load(
              Golden.class.getClassLoader(),
              warning -> {
                throw new AssertionError(warning);
              }));

  /** The golden model of a family. */
  static Golden of(String family) {
    return in("/golden/" + family);
  }

  /**
   * A tiny random model with options that the golden ones do not have, computed in float64 by
   * {@code variants/reference.py}.
   */
  static Golden variant(String name) {
    return in("/variants/" + name);
  }

  private static Golden in(String resource) {
    try {
      return new Golden(
          Path.of(Objects.requireNonNull(Golden.class.getResource(resource), resource).toURI()));
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  PublishedModel published() {
    return PublishedModel.read(folder.resolve("config.json"));
  }

  /** Imports the model; its weights go through a file in a folder. */
  Model load(Path target, ScalarType type) throws IOException {
    PublishedModel published = published();
    published.check(COMPONENTS);
    Path weights = target.resolve(Shards.FILE);
    published.importTo(folder, weights, Progress.NONE);
    Model model = Model.build(published.spec(), COMPONENTS, new Placement(Devices.cpu(), type), 0);
    ModelFiles.load(model, weights);
    return model;
  }

  /** Inputs and what was computed of them. */
  SafetensorsFile io() throws IOException {
    return SafetensorsFile.open(folder.resolve("io.safetensors"));
  }

  /** The numbers under a key of generate.json. */
  List<Integer> generated(String key) {
    Config json = ConfigFactory.parseFile(folder.resolve("generate.json").toFile());
    return json.getIntList(key);
  }
}
