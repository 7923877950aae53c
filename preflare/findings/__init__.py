"""What the explanations say, over spectra, slits and rasters: arrays and cubes in, tables out."""
