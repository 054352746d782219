!function(w,q){var e=w.edgewise=function(){var a=arguments;return new Promise(function(s){q.push([a,s])})};e.q=q}(window,[])
